"""The pool, with one answer to a database that is away: UNAVAILABLE, try again."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from pi5.domain.errors import Unavailable
from pi5.kit.database import LOST, Pool


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except LOST as error:
        raise Unavailable(
            "DATABASE_UNREACHABLE", "the database does not answer; try again", retry_after_s=1.0
        ) from error


class Database:
    """The parts of a pool that the stores use.

    Every method raises Unavailable DATABASE_UNREACHABLE while the database is away.
    """

    def __init__(self, pool: Pool[Any]) -> None:
        self._pool = pool

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Run a block in one transaction."""
        with _reachable():
            async with self._pool.acquire() as connection, connection.transaction():
                yield connection

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """Return the rows of a query."""
        with _reachable():
            rows: list[Any] = await self._pool.fetch(query, *arguments)
            return rows

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        """Return the first row of a query; None when there is none."""
        with _reachable():
            return await self._pool.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """Return the first value of a query; None when there is none."""
        with _reachable():
            return await self._pool.fetchval(query, *arguments)

    async def execute(self, query: str, *arguments: Any) -> None:
        """Run a statement."""
        with _reachable():
            await self._pool.execute(query, *arguments)
