"""A service's connections to PostgreSQL: its own role and schema, bounded, retried when absent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import asyncpg
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential

from pi5.domain.errors import Unavailable

Pool = asyncpg.Pool
Connection = asyncpg.Connection
# What a lost, starting or stopping server raises.
LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    TimeoutError,
)


async def open_pool(dsn: str, service: str, size: int, wait_s: float = 30.0) -> Pool[Any]:
    """Open a pool whose connections act as the service's role and see its schema first.

    Waits up to `wait_s` for a server that is still starting.

    Raises:
        Unavailable: DATABASE_UNREACHABLE.
    """
    retrying = AsyncRetrying(
        stop=stop_after_delay(wait_s),
        wait=wait_exponential(multiplier=0.05, max=1.0),
        retry=retry_if_exception_type(LOST),
        reraise=True,
    )
    try:
        async for attempt in retrying:
            with attempt:
                return await asyncpg.create_pool(
                    dsn,
                    min_size=1,
                    max_size=size,
                    timeout=5.0,
                    command_timeout=30.0,
                    max_inactive_connection_lifetime=300.0,
                    server_settings={
                        "role": f"pi5_{service}",
                        "search_path": service,
                        "application_name": f"pi5-{service}",
                        "timezone": "UTC",
                    },
                )
    except LOST as error:
        raise Unavailable(
            "DATABASE_UNREACHABLE",
            f"the database does not answer ({type(error).__name__}); check database.url or "
            "PI5_DATABASE_URL, or leave them empty for the embedded one",
        ) from error
    raise AssertionError("tenacity either returns or raises")


@contextlib.contextmanager
def reached() -> Iterator[None]:
    """Turn a database that does not answer into a fault that callers understand.

    Raises:
        Unavailable: DATABASE_UNREACHABLE.
    """
    try:
        yield
    except LOST as error:
        raise Unavailable(
            "DATABASE_UNREACHABLE",
            f"the database does not answer ({type(error).__name__}); try again",
            retry_after_s=1.0,
        ) from error


async def until_available(operation: Any, *arguments: Any, wait_s: float = 30.0) -> Any:
    """Run an idempotent database operation, waiting out a server that is away."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    delay = 0.05
    while True:
        try:
            return await operation(*arguments)
        except LOST:
            if loop.time() + delay > deadline:
                raise
            await asyncio.sleep(delay)
            delay = min(delay * 2, 1.0)
