"""The SQL of strategy instances and of answered requests; that of signals is in `signals.py`."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from asyncpg.pool import PoolConnectionProxy as Connection
from google.protobuf.message import Message

from pi5.domain.errors import Conflict, InvalidInput, NotFound
from pi5.kit.database import Pool
from pi5.kit.wire.times import from_datetime, to_datetime
from pi5.strategy.signals import SignalStore

_REQUESTS_KEPT = timedelta(days=7)
_CONFIGURED = ("settings", "instances")
Answer = TypeVar("Answer", bound=Message)


@dataclass(frozen=True, slots=True)
class Row:
    """A strategy instance as it is stored."""

    id: str
    type: str
    symbols: tuple[str, ...]
    timeframe: int
    parameters: dict[str, str]
    enabled: bool
    desired_state: int
    signal_count: int
    restarts: int
    last_error: str
    revision: int
    created_at_ns: int
    updated_at_ns: int
    last_signal_at_ns: int


class Store:
    """The tables of schema `strategy`."""

    def __init__(self, pool: Pool[Any]) -> None:
        self.signals = SignalStore(pool)
        self._pool = pool

    async def rows(self) -> list[Row]:
        """Return all instances, by id."""
        return [_row(r) for r in await self._pool.fetch("SELECT * FROM strategy ORDER BY id")]

    async def page(self, after: str, limit: int) -> list[Row]:
        """Return instances whose id comes after one, by id."""
        found = await self._pool.fetch(
            "SELECT * FROM strategy WHERE id > $1 ORDER BY id LIMIT $2", after, limit
        )
        return [_row(r) for r in found]

    async def row(self, strategy_id: str, connection: Connection[Any] | None = None) -> Row:
        """Return an instance; locked until the transaction's end when inside one.

        Raises:
            NotFound: UNKNOWN_STRATEGY.
        """
        if connection is None:
            found = await self._pool.fetchrow("SELECT * FROM strategy WHERE id = $1", strategy_id)
        else:
            found = await connection.fetchrow(
                "SELECT * FROM strategy WHERE id = $1 FOR UPDATE", strategy_id
            )
        if found is None:
            raise NotFound(
                "UNKNOWN_STRATEGY", f"there is no strategy {strategy_id[:64]!r}", field="id"
            )
        return _row(found)

    async def insert(self, row: Row, connection: Connection[Any]) -> Row:
        """Add an instance.

        Raises:
            Conflict: STRATEGY_EXISTS.
        """
        found = await connection.fetchrow(
            """INSERT INTO strategy (id, type, symbols, timeframe, parameters, enabled,
                   desired_state, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
               ON CONFLICT (id) DO NOTHING RETURNING *""",
            row.id,
            row.type,
            list(row.symbols),
            row.timeframe,
            json.dumps(row.parameters),
            row.enabled,
            row.desired_state,
            to_datetime(row.created_at_ns),
        )
        if found is None:
            raise Conflict("STRATEGY_EXISTS", f"there is a strategy {row.id} already", field="id")
        return _row(found)

    async def update(self, row: Row, connection: Connection[Any], now_ns: int) -> Row:
        """Store changed symbols, parameters, flag and desired state; counts the revision."""
        found = await connection.fetchrow(
            """UPDATE strategy SET symbols = $2, parameters = $3, enabled = $4,
                   desired_state = $5, revision = revision + 1, updated_at = $6
               WHERE id = $1 RETURNING *""",
            row.id,
            list(row.symbols),
            json.dumps(row.parameters),
            row.enabled,
            row.desired_state,
            to_datetime(now_ns),
        )
        assert found is not None
        return _row(found)

    async def delete(self, strategy_id: str, connection: Connection[Any]) -> None:
        """Remove an instance; its signals stay."""
        await connection.execute("DELETE FROM strategy WHERE id = $1", strategy_id)

    async def want_stopped(self, strategy_id: str, now_ns: int) -> Row:
        """Store that an instance shall be stopped."""
        found = await self._pool.fetchrow(
            "UPDATE strategy SET desired_state = 1, updated_at = $2 WHERE id = $1 RETURNING *",
            strategy_id,
            to_datetime(now_ns),
        )
        return _row(found)

    async def record_error(self, strategy_id: str, message: str, restarted: bool = False) -> None:
        """Store what went wrong last (empty: nothing), or count a restart."""
        if restarted:
            await self._pool.execute(
                "UPDATE strategy SET restarts = restarts + 1 WHERE id = $1", strategy_id
            )
        else:
            await self._pool.execute(
                "UPDATE strategy SET last_error = $2 WHERE id = $1", strategy_id, message
            )

    async def create_configured(self, rows: Sequence[Row]) -> None:
        """Create the configured instances, once in the life of a database."""
        async with self._pool.acquire() as connection, connection.transaction():
            first = await connection.fetchval(
                """INSERT INTO cursor VALUES ($1, $2, 1)
                   ON CONFLICT DO NOTHING RETURNING sequence""",
                *_CONFIGURED,
            )
            if first is None:
                return
            for row in rows:
                await self.insert(row, connection)

    async def once(
        self,
        request: Message,
        answer_type: type[Answer],
        change: Callable[[Connection[Any]], Awaitable[Answer]],
    ) -> Answer:
        """Make a change in one transaction, once for each request id; return its answer.

        Raises:
            InvalidInput: BAD_REQUEST_ID.
            Conflict: IDEMPOTENCY_KEY_REUSED.
        """
        request_id: str = request.request_id  # type: ignore[attr-defined]
        method = request.DESCRIPTOR.name.removesuffix("Request")
        async with self._pool.acquire() as connection, connection.transaction():
            if not request_id:
                return await change(connection)
            key = _uuid_of_request(request_id)
            stripped = type(request)()
            stripped.CopyFrom(request)
            stripped.ClearField("request_id")
            body = hashlib.sha256(stripped.SerializeToString(deterministic=True)).digest()
            fresh = await connection.fetchval(
                """INSERT INTO request (request_id, method, body_hash) VALUES ($1, $2, $3)
                   ON CONFLICT DO NOTHING RETURNING true""",
                key,
                method,
                body,
            )
            if not fresh:
                return _stored_answer(
                    await connection.fetchrow("SELECT * FROM request WHERE request_id = $1", key),
                    method,
                    body,
                    answer_type,
                )
            answer = await change(connection)
            await connection.execute(
                "UPDATE request SET response = $2 WHERE request_id = $1",
                key,
                answer.SerializeToString(),
            )
            return answer

    async def forget_old_requests(self) -> None:
        """Remove answers that nobody will ask for again."""
        await self._pool.execute(
            "DELETE FROM request WHERE created_at < now() - $1::interval", _REQUESTS_KEPT
        )

    async def answers(self) -> bool:
        """Ask the database for a sign of life."""
        return bool(await self._pool.fetchval("SELECT true", timeout=2.0))


def _stored_answer(found: Any, method: str, body: bytes, answer_type: type[Answer]) -> Answer:
    if found["method"] != method or found["body_hash"] != body:
        raise Conflict(
            "IDEMPOTENCY_KEY_REUSED",
            "this request_id was used for another request; take a new one",
            field="request_id",
        )
    return answer_type.FromString(found["response"])


def _uuid_of_request(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise InvalidInput(
            "BAD_REQUEST_ID", "request_id must be a UUID", field="request_id"
        ) from None


def _row(found: Any) -> Row:
    return Row(
        id=found["id"],
        type=found["type"],
        symbols=tuple(found["symbols"]),
        timeframe=found["timeframe"],
        parameters=json.loads(found["parameters"]),
        enabled=found["enabled"],
        desired_state=found["desired_state"],
        signal_count=found["signal_count"],
        restarts=found["restarts"],
        last_error=found["last_error"],
        revision=found["revision"],
        created_at_ns=from_datetime(found["created_at"]),
        updated_at_ns=from_datetime(found["updated_at"]),
        last_signal_at_ns=from_datetime(found["last_signal_at"]) if found["last_signal_at"] else 0,
    )
