"""Which version of the schema a database has, and which one this program brings; cheap to ask.

Apart from `pi5.kit.migrate`, so that asking does not import SQLAlchemy and Alembic.
"""

from __future__ import annotations

from pathlib import Path

import asyncpg

import pi5
from pi5.domain.errors import ConfigurationFault

VERSION_SCHEMA = "pi5"
VERSION_TABLE = "schema_version"


def folder() -> Path:
    """Return the folder of the migrations: inside the installed package, or in the checkout.

    Raises:
        ConfigurationFault: MIGRATIONS_MISSING.
    """
    package = Path(pi5.__file__).parent
    for candidate in (package / "migrations", package.parent.parent / "migrations"):
        if (candidate / "env.py").is_file():
            return candidate
    raise ConfigurationFault(
        "MIGRATIONS_MISSING", "the folder migrations/ is not there; install the package again"
    )


def newest_version() -> str:
    """Return the newest version there is a revision for: file names begin with their number."""
    return max(path.name[:4] for path in (folder() / "versions").glob("[0-9]*_*.py"))


async def current_version(dsn: str) -> str:
    """Return the version of the database at `dsn`; "" when it was never migrated."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        table = f"{VERSION_SCHEMA}.{VERSION_TABLE}"
        if await connection.fetchval("SELECT to_regclass($1)", table) is None:
            return ""
        # The table's name is a constant of ours.
        version = await connection.fetchval(f"SELECT version_num FROM {table}")
        return version or ""
    finally:
        await connection.close()
