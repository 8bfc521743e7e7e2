"""The SQL of signals: stored before they are sent, completed with what became of them.

A signal is written without waiting for the disk: the order it leads to is made durable by
execution, with the signal in its event, so a lost tail is made up from the order log.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from asyncpg.pool import PoolConnectionProxy as Connection

from pi5.domain.order import Side
from pi5.domain.signal import Signal
from pi5.kit.database import Pool
from pi5.kit.wire.times import from_datetime, to_datetime

PENDING, ORDERED, REFUSED, FAILED = 1, 2, 3, 4
UNAVAILABLE = "EXECUTION_UNAVAILABLE"
_ORDER_LOG = ("outcomes", "orders")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a signal.

    `filled` and `unfilled` tell of its order: that it was filled at least in part, and that it
    ended without being filled wholly.
    """

    signal_id: str
    outcome: int
    order_id: str = ""
    decision_id: str = ""
    reject_code: str = ""
    reject_reason: str = ""
    filled: bool = False
    unfilled: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A stored signal and what became of it."""

    sequence: int
    signal: Signal
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class SignalFilter:
    """Which signals to list; `after_key` is the key of the last row given."""

    strategy_id: str = ""
    symbol: str = ""
    before_ns: int = 0
    after_key: tuple[int, str] | None = None


class SignalStore:
    """The table of signals, and how far the order log was read for their outcomes."""

    def __init__(self, pool: Pool[Any]) -> None:
        self._pool = pool
        # Sequences must become visible in their order: one writer at a time.
        self._writing = asyncio.Lock()

    async def add(self, signals: Sequence[Signal]) -> None:
        """Store fresh signals as pending and count them."""
        async with self._transaction() as connection:
            await connection.executemany(
                """INSERT INTO signal (id, strategy_id, symbol, side, strength, confidence, reason,
                       inputs, close_only, reference_price, event_time_ns, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
                [_values(signal) for signal in signals],
            )
            await connection.executemany(
                """UPDATE strategy SET signal_count = signal_count + 1, last_signal_at = $2
                   WHERE id = $1""",
                [(s.strategy_id, to_datetime(s.created_at_ns)) for s in signals],
            )

    async def set_outcomes(
        self, outcomes: Sequence[Outcome], order_log_sequence: int = 0
    ) -> list[str]:
        """Store what became of signals; return the ids of those that changed.

        What is certain (ordered, refused) is never overwritten; "failed" gives way to evidence from
        the order log. The sequence moves with each change, so a stream that resumes sees it.
        """
        changed: list[str] = []
        async with self._transaction() as connection:
            for item in outcomes:
                found = await connection.fetchval(
                    """UPDATE signal SET outcome = $2, order_id = $3, decision_id = $4,
                           reject_code = $5, reject_reason = $6, sequence = DEFAULT
                       WHERE id = $1 AND (outcome = 1 OR (outcome = 4 AND $2 <> 4))
                       RETURNING id""",
                    uuid.UUID(item.signal_id),
                    item.outcome,
                    _uuid(item.order_id),
                    _uuid(item.decision_id),
                    item.reject_code,
                    item.reject_reason,
                )
                if found is not None:
                    changed.append(item.signal_id)
            filled = [uuid.UUID(item.signal_id) for item in outcomes if item.filled]
            if filled:
                await connection.execute(
                    "UPDATE signal SET filled = true WHERE id = ANY($1) AND NOT filled", filled
                )
            if order_log_sequence:
                await connection.execute(
                    """INSERT INTO cursor VALUES ($1, $2, $3) ON CONFLICT (consumer, stream)
                       DO UPDATE SET sequence = excluded.sequence""",
                    *_ORDER_LOG,
                    order_log_sequence,
                )
        return changed

    async def fail_pending(self, reason: str) -> int:
        """Mark the signals that were on their way when the service ended; return how many."""
        pending = await self._pool.fetch("SELECT id FROM signal WHERE outcome = 1")
        failed = [
            Outcome(str(r["id"]), FAILED, reject_code=UNAVAILABLE, reject_reason=reason)
            for r in pending
        ]
        await self.set_outcomes(failed)
        return len(failed)

    async def order_log_sequence(self) -> int:
        """Return the last event of the order log that is in the outcomes."""
        found = await self._pool.fetchval(
            "SELECT sequence FROM cursor WHERE consumer = $1 AND stream = $2", *_ORDER_LOG
        )
        return int(found or 0)

    async def page(self, wanted: SignalFilter, limit: int) -> list[Record]:
        """Return signals, newest first."""
        created_ns, last_id = wanted.after_key or (0, "")
        found = await self._pool.fetch(
            """SELECT * FROM signal
               WHERE ($1 = '' OR strategy_id = $1) AND ($2 = '' OR symbol = $2)
                 AND ($3::timestamptz IS NULL OR created_at < $3)
                 AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5))
               ORDER BY created_at DESC, id DESC LIMIT $6""",
            wanted.strategy_id,
            wanted.symbol,
            to_datetime(wanted.before_ns) if wanted.before_ns else None,
            to_datetime(created_ns) if wanted.after_key else None,
            _uuid(last_id),
            limit,
        )
        return [_record(r) for r in found]

    async def after(self, sequence: int, limit: int) -> list[Record]:
        """Return signals and changes of their outcome after a sequence, in order."""
        found = await self._pool.fetch(
            "SELECT * FROM signal WHERE sequence > $1 ORDER BY sequence LIMIT $2", sequence, limit
        )
        return [_record(r) for r in found]

    async def last_sequence(self) -> int:
        """Return the newest sequence of the signals; 0 when there is none."""
        return int(await self._pool.fetchval("SELECT coalesce(max(sequence), 0) FROM signal"))

    async def filled_orders(self, strategy_id: str) -> int:
        """Return how many of a strategy's signals led to an order that was filled."""
        return int(
            await self._pool.fetchval(
                "SELECT count(*) FROM signal WHERE strategy_id = $1 AND filled", strategy_id
            )
        )

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection[Any]]:
        async with (
            self._writing,
            self._pool.acquire() as connection,
            connection.transaction(),
        ):
            await connection.execute("SET LOCAL synchronous_commit = off")
            yield connection


def _uuid(text: str) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None


def _values(signal: Signal) -> tuple[Any, ...]:
    return (
        uuid.UUID(signal.id),
        signal.strategy_id,
        signal.symbol,
        int(signal.side),
        signal.strength,
        signal.confidence,
        signal.reason,
        json.dumps(dict(signal.inputs)),
        signal.close_only,
        signal.reference_price,
        signal.event_time_ns,
        to_datetime(signal.created_at_ns),
    )


def _record(found: Any) -> Record:
    return Record(
        sequence=found["sequence"],
        signal=Signal(
            id=str(found["id"]),
            strategy_id=found["strategy_id"],
            symbol=found["symbol"],
            side=Side(found["side"]),
            strength=found["strength"],
            confidence=found["confidence"],
            reason=found["reason"],
            reference_price=found["reference_price"],
            event_time_ns=found["event_time_ns"],
            created_at_ns=from_datetime(found["created_at"]),
            close_only=found["close_only"],
            inputs=json.loads(found["inputs"]),
        ),
        outcome=Outcome(
            signal_id=str(found["id"]),
            outcome=found["outcome"],
            order_id=str(found["order_id"] or ""),
            decision_id=str(found["decision_id"] or ""),
            reject_code=found["reject_code"],
            reject_reason=found["reject_reason"],
            filled=found["filled"],
        ),
    )
