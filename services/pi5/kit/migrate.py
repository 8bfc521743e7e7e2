"""Brings a database's schema to the version of this program; imported by that process only.

SQLAlchemy and Alembic cost some 40 MB, so the services never import this module: the supervisor
runs `pi5 migrate` as a child when `pi5.kit.schema` finds an older version.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg
from alembic import command, op
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from pi5.domain.errors import Fault, Precondition, Unavailable
from pi5.kit.database import LOST
from pi5.kit.schema import (
    VERSION_SCHEMA,
    VERSION_TABLE,
    current_version,
    folder,
    newest_version,
)

__all__ = ["VERSION_SCHEMA", "VERSION_TABLE", "lock_and_prepare", "run_sql", "upgrade"]

# Any fixed number will do; it only has to be the same in every version of this program.
_LOCK_KEY = 0x7069_355F_6D69_6772
_LOCK_TIMEOUT_S = 120
_OLDEST_SERVER = 15


async def upgrade(dsn: str) -> tuple[str, str]:
    """Upgrade the database at `dsn` to the newest version.

    One call at a time in a process, because Alembic's context is global; processes take turns.

    Returns:
        The version before ("" for an empty database) and after.

    Raises:
        Unavailable: DATABASE_UNREACHABLE or MIGRATION_LOCKED.
        Precondition: DATABASE_TOO_OLD, DATABASE_NEWER, DATABASE_PERMISSION or MIGRATION_FAILED.
    """
    async with _explained():
        before = await current_version(dsn)
        if before == newest_version():
            return before, before
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=partial(asyncpg.connect, dsn, timeout=10),
            poolclass=NullPool,
        )
        try:
            async with engine.connect() as connection:
                await connection.run_sync(_upgrade)
        finally:
            await engine.dispose()
        return before, newest_version()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def lock_and_prepare(connection: Connection) -> None:
    """Take turns with other programs and make the place of the version table."""
    number = connection.execute(text("SELECT current_setting('server_version_num')::int")).scalar()
    assert isinstance(number, int)
    if number // 10_000 < _OLDEST_SERVER:
        raise Precondition(
            "DATABASE_TOO_OLD",
            f"the database is PostgreSQL {number // 10_000}; at least {_OLDEST_SERVER} is needed",
        )
    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_S}s'"))
    # When this process is killed, its session ends within a second, even in a long statement.
    connection.execute(text("SET LOCAL client_connection_check_interval = '1s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {VERSION_SCHEMA}"))


def run_sql(path: Path) -> None:
    """Run a file of plain SQL statements in the migration's transaction."""
    sql = path.read_text(encoding="utf-8")
    # The driver's own execute takes several statements at once and gives `:` and `%` no meaning.
    adapted = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda connection: connection.execute(sql))  # type: ignore[union-attr]


@asynccontextmanager
async def _explained() -> AsyncIterator[None]:
    """Turn what drivers and Alembic raise into faults that say what to do."""
    try:
        yield
    except Fault:
        raise
    except CommandError as error:
        raise Precondition(
            "DATABASE_NEWER",
            "the database was upgraded by a newer release than this one; start that release, or "
            f"restore a backup made before the upgrade ({error})",
        ) from error
    except (
        asyncpg.InvalidCatalogNameError,
        asyncpg.InvalidAuthorizationSpecificationError,
    ) as error:
        raise Unavailable("DATABASE_UNREACHABLE", f"{error}; check database.url") from error
    except LOST as error:
        raise Unavailable(
            "DATABASE_UNREACHABLE",
            f"the database does not answer ({error or type(error).__name__}); check database.url "
            "or PI5_DATABASE_URL",
        ) from error
    except Exception as error:
        raise _from_driver(error) from error


def _from_driver(error: BaseException) -> Fault:
    """Find PostgreSQL's own error below SQLAlchemy's wrapping and say it in a sentence."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, asyncpg.PostgresError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return Precondition(
            "MIGRATION_FAILED", f"{type(error).__name__}: {error}; nothing was changed"
        )
    hint = getattr(cause, "hint", None)
    sentence = f"{cause}".splitlines()[0] + (f"; {hint}" if hint else "")
    if isinstance(cause, asyncpg.InsufficientPrivilegeError):
        return Precondition("DATABASE_PERMISSION", sentence)
    if isinstance(cause, asyncpg.LockNotAvailableError):
        return Unavailable(
            "MIGRATION_LOCKED",
            f"another program has been migrating for {_LOCK_TIMEOUT_S} s; wait for it or end it",
        )
    return Precondition("MIGRATION_FAILED", f"{sentence}; nothing was changed")


def main(dsn: str) -> tuple[str, str]:
    """Run `upgrade` in a loop of its own."""
    return asyncio.run(upgrade(dsn))
