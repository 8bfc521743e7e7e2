"""All SQL of risk. What the order log says is stored with the cursor in one transaction."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pi5.api.risk.v1 import risk_pb2
from pi5.domain.decision import Decision, TradingMode
from pi5.domain.errors import Conflict, NotFound, Precondition
from pi5.domain.limits import Limits, LimitScope
from pi5.kit.database import Pool
from pi5.kit.wire.orders import decision_to
from pi5.kit.wire.times import from_datetime, to_datetime
from pi5.risk.convert import (
    limits_from_json,
    limits_to_json,
    reservation_from_json,
    reservation_to_json,
)
from pi5.risk.engine import DayRecord, ModeState
from pi5.risk.reservations import Reservation

CONSUMER = "risk"
STREAM = "orders"


@dataclass(frozen=True, slots=True)
class StoredLimits:
    """Limits of one scope with who changed them last."""

    scope: LimitScope
    limits: Limits
    revision: int = 0
    changed_by: str = ""
    changed_at_ns: int = 0


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One change of limits."""

    id: int
    scope: LimitScope
    before: Limits | None
    after: Limits
    changed_by: str
    changed_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Saved:
    """Everything that outlives a restart."""

    sequence: int
    reservations: list[Reservation]
    days: list[DayRecord]
    mode: ModeState | None
    limits: list[StoredLimits]


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """Which decisions to list; empty fields mean every one."""

    symbol: str = ""
    strategy_id: str = ""
    refused_only: bool = False
    before: datetime | None = None
    after_row: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """An idempotent call: its id, method and what it asked for, hashed."""

    id: str
    method: str
    body_hash: bytes


class Store:
    """The tables of schema risk."""

    def __init__(self, pool: Pool[Any]) -> None:
        self._pool = pool

    async def load(self) -> Saved:
        """Read everything of one moment."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            sequence = await connection.fetchval(
                "SELECT sequence FROM cursor WHERE consumer = $1 AND stream = $2", CONSUMER, STREAM
            )
            claims = await connection.fetch("SELECT content FROM reservation")
            days = await connection.fetch(
                "SELECT DISTINCT ON (account) * FROM day ORDER BY account, day DESC"
            )
            mode = await connection.fetchrow("SELECT * FROM mode")
            limits = await connection.fetch("SELECT * FROM limits")
        return Saved(
            sequence=int(sequence or 0),
            reservations=[reservation_from_json(row["content"]) for row in claims],
            days=[
                DayRecord(row["account"], row["day"], row["start_equity"], row["high_equity"])
                for row in days
            ],
            mode=_mode(mode) if mode else None,
            limits=[_limits(row) for row in limits],
        )

    async def save_log(
        self,
        before: int,
        after: int,
        decisions: Sequence[Decision],
        claims: Sequence[Reservation],
        applied_sequence: int,
    ) -> None:
        """Store what a part of the order log said, and move the cursor, in one transaction.

        Claims that ended at or before `applied_sequence` are in the portfolio's view and go.

        Raises:
            Precondition: CURSOR_MOVED, when the cursor is not at `before`: something else wrote.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO cursor (consumer, stream, sequence) VALUES ($1, $2, 0) "
                "ON CONFLICT DO NOTHING",
                CONSUMER, STREAM,
            )  # fmt: skip
            moved = await connection.fetchval(
                "UPDATE cursor SET sequence = $4 "
                "WHERE consumer = $1 AND stream = $2 AND sequence = $3 RETURNING sequence",
                CONSUMER, STREAM, before, after,
            )  # fmt: skip
            if moved is None:
                raise Precondition(
                    "CURSOR_MOVED", f"the cursor is not at {before}; another process wrote here"
                )
            await connection.executemany(
                "INSERT INTO decision (id, decided_at, approved, account, strategy_id, symbol, "
                "side, reject_code, reject_reason, checks, content, signal_id, client_order_id) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
                "ON CONFLICT (id) DO NOTHING",
                [_decision_row(decision) for decision in decisions],
            )
            await connection.executemany(
                "INSERT INTO reservation (client_order_id, content) VALUES ($1, $2) "
                "ON CONFLICT (client_order_id) DO UPDATE SET content = EXCLUDED.content",
                [(claim.client_order_id, reservation_to_json(claim)) for claim in claims],
            )
            await connection.execute(
                "DELETE FROM reservation "
                "WHERE (content->>'final_sequence')::bigint BETWEEN 1 AND $1",
                applied_sequence,
            )

    async def save_days(self, days: Sequence[DayRecord]) -> None:
        """Store what days began with; a higher beginning of the same day stands."""
        await self._pool.executemany(
            "INSERT INTO day (account, day, start_equity, high_equity) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (account, day) DO UPDATE SET "
            "start_equity = GREATEST(day.start_equity, EXCLUDED.start_equity), "
            "high_equity = GREATEST(day.high_equity, EXCLUDED.high_equity)",
            [(row.account, row.day, row.start_equity, row.high_equity) for row in days],
        )

    async def save_mode(self, state: ModeState) -> None:
        """Store the trading mode unless a newer one is there."""
        await self._pool.execute(
            "INSERT INTO mode (id, mode, reason, changed_by, changed_at, revision) "
            "VALUES (1, $1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET "
            "mode = EXCLUDED.mode, reason = EXCLUDED.reason, changed_by = EXCLUDED.changed_by, "
            "changed_at = EXCLUDED.changed_at, revision = EXCLUDED.revision "
            "WHERE mode.revision <= EXCLUDED.revision",
            state.mode, state.reason, state.changed_by, to_datetime(state.changed_at_ns),
            state.revision,
        )  # fmt: skip

    async def save_limits(
        self,
        stored: StoredLimits,
        before: Limits | None,
        reason: str,
        request: Request | None,
        response: bytes,
    ) -> None:
        """Store limits, the change and the answer to the request, in one transaction.

        Raises:
            Precondition: REVISION_CHANGED, when the row is not at the revision before this one.
        """
        scope, at = stored.scope, to_datetime(stored.changed_at_ns)
        key = (scope.account, scope.strategy_id, scope.symbol)
        content = limits_to_json(stored.limits)
        async with self._pool.acquire() as connection, connection.transaction():
            written = await connection.fetchval(
                "INSERT INTO limits (account, strategy_id, symbol, content, revision, changed_by, "
                "changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7) "
                "ON CONFLICT (account, strategy_id, symbol) DO UPDATE SET "
                "content = EXCLUDED.content, revision = EXCLUDED.revision, "
                "changed_by = EXCLUDED.changed_by, changed_at = EXCLUDED.changed_at "
                "WHERE limits.revision = EXCLUDED.revision - 1 RETURNING revision",
                *key, content, stored.revision, stored.changed_by, at,
            )  # fmt: skip
            if written is None:
                raise Precondition(
                    "REVISION_CHANGED", "somebody else changed these limits; read them again"
                )
            await connection.execute(
                "INSERT INTO limit_change (account, strategy_id, symbol, before, after, "
                "changed_by, changed_at, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                *key, limits_to_json(before) if before else None, content, stored.changed_by, at,
                reason,
            )  # fmt: skip
            await _answer(connection, request, response)

    async def save_answer(self, request: Request | None, response: bytes) -> None:
        """Store the answer to an idempotent call."""
        async with self._pool.acquire() as connection:
            await _answer(connection, request, response)

    async def answer(self, request: Request | None) -> bytes | None:
        """Return the stored answer to the same call; None for a new one.

        Raises:
            Conflict: REQUEST_ID_REUSED, when the id was used for something else.
        """
        if request is None:
            return None
        row = await self._pool.fetchrow(
            "SELECT method, body_hash, response FROM request WHERE request_id = $1", request.id
        )
        if row is None:
            return None
        if (row["method"], bytes(row["body_hash"])) != (request.method, request.body_hash):
            raise Conflict(
                "REQUEST_ID_REUSED",
                "this request_id was used for another call; make a new one",
                field="request_id",
            )
        return bytes(row["response"])

    async def limit_changes(self, after_id: int | None, limit: int) -> list[LimitChange]:
        """Return changes of limits, newest first, from below a row id."""
        rows = await self._pool.fetch(
            "SELECT * FROM limit_change WHERE $1::bigint IS NULL OR id < $1 "
            "ORDER BY id DESC LIMIT $2",
            after_id, limit,
        )  # fmt: skip
        return [
            LimitChange(
                row["id"],
                LimitScope(row["account"], row["strategy_id"], row["symbol"]),
                limits_from_json(row["before"]) if row["before"] else None,
                limits_from_json(row["after"]),
                row["changed_by"],
                row["changed_at"],
                row["reason"],
            )
            for row in rows
        ]

    async def decisions(
        self, wanted: DecisionFilter, limit: int
    ) -> list[tuple[datetime, str, bytes]]:
        """Return decisions newest first: when, id, and the decision as its message."""
        place, row_id = wanted.after_row or (None, None)
        rows = await self._pool.fetch(
            "SELECT decided_at, id, content FROM decision WHERE ($1 = '' OR symbol = $1) "
            "AND ($2 = '' OR strategy_id = $2) AND (NOT $3 OR NOT approved) "
            "AND ($4::timestamptz IS NULL OR decided_at < $4) "
            "AND ($5::timestamptz IS NULL OR (decided_at, id) < ($5, $6::uuid)) "
            "ORDER BY decided_at DESC, id DESC LIMIT $7",
            wanted.symbol, wanted.strategy_id, wanted.refused_only, wanted.before, place, row_id,
            limit,
        )  # fmt: skip
        return [(row["decided_at"], str(row["id"]), bytes(row["content"])) for row in rows]

    async def decision(self, decision_id: str) -> bytes:
        """Return one decision as its message.

        Raises:
            NotFound: UNKNOWN_DECISION.
        """
        known = _uuid(decision_id)
        content: bytes | None = await self._pool.fetchval(
            "SELECT content FROM decision WHERE id = $1::uuid", known
        )
        if content is None:
            raise NotFound("UNKNOWN_DECISION", f"there is no decision {decision_id}", field="id")
        return bytes(content)


async def _answer(connection: Any, request: Request | None, response: bytes) -> None:
    if request is not None:
        await connection.execute(
            "INSERT INTO request (request_id, method, body_hash, response) VALUES ($1, $2, $3, $4)",
            request.id, request.method, request.body_hash, response,
        )  # fmt: skip


def _uuid(text: str) -> uuid.UUID | None:
    """Read an id; None when it is none, so that a foreign id cannot stop the projection."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _decision_row(decision: Decision) -> tuple[Any, ...]:
    message = decision_to(decision)
    checks = [
        {
            "check": check.check,
            "verdict": risk_pb2.Verdict.Name(check.verdict).removeprefix("VERDICT_").lower(),
            "code": check.code,
            "limit": check.limit,
            "observed": check.observed,
            "message": check.message,
        }
        for check in message.checks
    ]
    return (
        decision.id, to_datetime(decision.decided_at_ns), decision.approved, decision.account,
        decision.strategy_id, decision.symbol, decision.side, decision.reject_code,
        decision.reject_reason, json.dumps(checks), message.SerializeToString(),
        _uuid(decision.signal_id), decision.client_order_id,
    )  # fmt: skip


def _mode(row: Any) -> ModeState:
    return ModeState(
        TradingMode(row["mode"]),
        row["reason"],
        row["changed_by"],
        from_datetime(row["changed_at"]),
        row["revision"],
    )


def _limits(row: Any) -> StoredLimits:
    return StoredLimits(
        LimitScope(row["account"], row["strategy_id"], row["symbol"]),
        limits_from_json(row["content"]),
        row["revision"],
        row["changed_by"],
        from_datetime(row["changed_at"]),
    )
