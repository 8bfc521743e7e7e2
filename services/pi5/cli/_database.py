"""Whether the database answers, and at which version its schema is."""

from __future__ import annotations

from dataclasses import dataclass

from pi5.cli._here import Here


@dataclass(frozen=True, slots=True)
class Database:
    """What was found; `detail` is a phrase for people."""

    ready: bool
    detail: str


async def ask(here: Here) -> Database:
    """Ask the configured or embedded database; never raises."""
    import asyncpg

    from pi5.domain.errors import Fault
    from pi5.kit.lifecycle import embedded_dsn
    from pi5.kit.schema import current_version, newest_version

    try:
        dsn = here.settings.database.url or embedded_dsn(here.home)
        version, newest = await current_version(dsn), newest_version()
    except Fault as fault:
        return Database(ready=False, detail=fault.message)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        return Database(ready=False, detail=" ".join(str(error).split()) or type(error).__name__)
    if version == newest:
        return Database(ready=True, detail=f"schema {version}")
    what = f"schema {version}, this program brings {newest}" if version else "no schema yet"
    return Database(ready=False, detail=f"{what}; run `pi5 migrate`")
