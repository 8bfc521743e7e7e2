"""All SQL of the backtest service: runs, and which request asked for which."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from asyncpg.pool import PoolConnectionProxy as Connection

from pi5.domain.errors import Conflict, InvalidInput, NotFound
from pi5.kit.database import Pool
from pi5.kit.wire.times import from_datetime, to_datetime

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELED = 1, 2, 3, 4, 5
ENDED = frozenset({SUCCEEDED, FAILED, CANCELED})
_REQUESTS_KEPT = timedelta(days=7)
_METHOD = "RunBacktest"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is stored; `spec` and `result` are messages of the contract as bytes."""

    id: str
    state: int
    spec: bytes
    result: bytes | None
    progress: float
    bars: int
    error: str
    created_at_ns: int
    started_at_ns: int
    ended_at_ns: int


class Store:
    """The tables of schema `backtest`."""

    def __init__(self, pool: Pool[Any]) -> None:
        self._pool = pool

    async def add(self, run_id: str, spec: bytes, request_id: str, now_ns: int) -> tuple[Run, bool]:
        """Store a queued run; return it and True, or the one that the same request made before.

        Raises:
            InvalidInput: BAD_REQUEST_ID.
            Conflict: IDEMPOTENCY_KEY_REUSED.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            if request_id:
                earlier = await _claim(connection, request_id, spec, run_id)
                if earlier:
                    return await self._get(connection, earlier), False
            await connection.execute(
                "INSERT INTO run (id, state, spec, created_at) VALUES ($1, $2, $3, $4)",
                uuid.UUID(run_id),
                QUEUED,
                spec,
                to_datetime(now_ns),
            )
            return await self._get(connection, run_id), True

    async def get(self, run_id: str) -> Run:
        """Return a run.

        Raises:
            NotFound: UNKNOWN_BACKTEST.
        """
        return await self._get(self._pool, run_id)

    async def get_many(self, run_ids: Sequence[str]) -> list[Run]:
        """Return runs in the order asked for.

        Raises:
            NotFound: UNKNOWN_BACKTEST.
        """
        return [await self.get(run_id) for run_id in run_ids]

    async def _get(self, connection: Any, run_id: str) -> Run:
        try:
            key = uuid.UUID(run_id)
        except ValueError:
            key = None
        found = key and await connection.fetchrow("SELECT * FROM run WHERE id = $1", key)
        if not found:
            raise NotFound("UNKNOWN_BACKTEST", f"there is no backtest {run_id[:64]!r}", field="id")
        return _run(found)

    async def page(self, before: tuple[int, str] | None, limit: int) -> list[Run]:
        """Return runs, newest first, from before a (created_at_ns, id)."""
        found = await self._pool.fetch(
            """SELECT * FROM run
               WHERE $1::timestamptz IS NULL OR (created_at, id) < ($1, $2)
               ORDER BY created_at DESC, id DESC LIMIT $3""",
            to_datetime(before[0]) if before else None,
            uuid.UUID(before[1]) if before else None,
            limit,
        )
        return [_run(row) for row in found]

    async def waiting(self) -> list[str]:
        """Return the ids of runs that wait, oldest first."""
        found = await self._pool.fetch(
            "SELECT id FROM run WHERE state = $1 ORDER BY created_at, id", QUEUED
        )
        return [str(row["id"]) for row in found]

    async def fail_interrupted(self, reason: str, now_ns: int) -> int:
        """Mark runs that ran when the service ended as failed; return how many."""
        found = await self._pool.fetch(
            "UPDATE run SET state = $1, error = $2, ended_at = $3 WHERE state = $4 RETURNING id",
            FAILED,
            reason,
            to_datetime(now_ns),
            RUNNING,
        )
        return len(found)

    async def begin(self, run_id: str, now_ns: int) -> bool:
        """Mark a run as running; False when it does not wait any more."""
        return bool(
            await self._pool.fetchval(
                "UPDATE run SET state = $2, started_at = $3 WHERE id = $1 AND state = $4 "
                "RETURNING true",
                uuid.UUID(run_id),
                RUNNING,
                to_datetime(now_ns),
                QUEUED,
            )
        )

    async def end(
        self,
        run_id: str,
        state: int,
        now_ns: int,
        *,
        result: bytes | None = None,
        error: str = "",
        progress: float = 0.0,
        bars: int = 0,
    ) -> bool:
        """Store how a run ended, once; False when it had ended before."""
        return bool(
            await self._pool.fetchval(
                """UPDATE run SET state = $2, ended_at = $3, result = $4, error = $5,
                       progress = $6, bars = $7
                   WHERE id = $1 AND state IN (1, 2) RETURNING true""",
                uuid.UUID(run_id),
                state,
                to_datetime(now_ns),
                result,
                error,
                progress,
                bars,
            )
        )

    async def delete(self, run_id: str) -> None:
        """Remove a run that has ended."""
        await self._pool.execute(
            "DELETE FROM run WHERE id = $1 AND state NOT IN (1, 2)", uuid.UUID(run_id)
        )

    async def forget_old_requests(self) -> None:
        """Remove the memory of requests that nobody will repeat."""
        await self._pool.execute(
            "DELETE FROM request WHERE created_at < now() - $1::interval", _REQUESTS_KEPT
        )

    async def answers(self) -> bool:
        """Ask the database for a sign of life."""
        return bool(await self._pool.fetchval("SELECT true", timeout=2.0))


async def _claim(connection: Connection[Any], request_id: str, spec: bytes, run_id: str) -> str:
    """Bind a request id to a new run; return the earlier run's id when it was bound before."""
    try:
        key = uuid.UUID(request_id)
    except ValueError:
        raise InvalidInput(
            "BAD_REQUEST_ID", "request_id must be a UUID", field="request_id"
        ) from None
    body = hashlib.sha256(spec).digest()
    fresh = await connection.fetchval(
        """INSERT INTO request (request_id, method, body_hash, response)
           VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING true""",
        key,
        _METHOD,
        body,
        run_id.encode(),
    )
    if fresh:
        return ""
    found = await connection.fetchrow("SELECT * FROM request WHERE request_id = $1", key)
    if found is None or found["method"] != _METHOD or found["body_hash"] != body:
        raise Conflict(
            "IDEMPOTENCY_KEY_REUSED",
            "this request_id was used for another request; take a new one",
            field="request_id",
        )
    earlier: str = found["response"].decode()
    return earlier


def _run(found: Any) -> Run:
    return Run(
        id=str(found["id"]),
        state=found["state"],
        spec=found["spec"],
        result=found["result"],
        progress=found["progress"],
        bars=found["bars"],
        error=found["error"],
        created_at_ns=from_datetime(found["created_at"]),
        started_at_ns=from_datetime(found["started_at"]) if found["started_at"] else 0,
        ended_at_ns=from_datetime(found["ended_at"]) if found["ended_at"] else 0,
    )
