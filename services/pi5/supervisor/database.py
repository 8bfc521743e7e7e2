"""The database the services will find: embedded and watched, or configured; migrated either way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from pi5.domain.errors import Fault, Unavailable
from pi5.kit.home import Home
from pi5.kit.postgres import EmbeddedPostgres
from pi5.kit.schema import current_version, newest_version
from pi5.kit.settings import Settings
from pi5.supervisor.state import write_atomically

_MIGRATION_TIMEOUT_S = 600


@contextlib.asynccontextmanager
async def running_database(
    home: Home, settings: Settings
) -> AsyncIterator[EmbeddedPostgres | None]:
    """Run the embedded server around a block; None where a database is configured.

    Raises:
        Fault: of `EmbeddedPostgres.start` and of `pi5 migrate`.
    """
    if settings.database.url:
        await migrated(settings.database.url)
        yield None
        return
    folder = settings.database.bin_folder
    server = EmbeddedPostgres(home, Path(folder).expanduser() if folder else None)
    await server.start()
    try:
        write_atomically(home.run / "database-url", server.dsn().encode())
        await migrated(server.dsn())
        watch = asyncio.create_task(server.watch())
        try:
            yield server
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
    finally:
        await server.stop()


async def migrated(dsn: str) -> None:
    """Upgrade the schema where it is not the newest, in a process of its own.

    Alembic and SQLAlchemy would stay in the supervisor's memory for ever, for a second's work.

    Raises:
        Fault: as `pi5 migrate` says it.
    """
    with contextlib.suppress(Exception):  # what is wrong, the migration says better
        if await current_version(dsn) == newest_version():
            return
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pi5.cli.main",
        "migrate",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # The address may hold a password: arguments are everybody's to see, the environment is not.
        env={**os.environ, "PI5_DATABASE_URL": dsn},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_MIGRATION_TIMEOUT_S):
            _, output = await process.communicate()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise fault_of(output.decode("utf-8", errors="replace"))


def fault_of(output: str) -> Fault:
    r"""Return the fault that a command of ours wrote as its last "error CODE: sentence".

    >>> fault = fault_of("noise\nerror DATABASE_NEWER: too new\n")
    >>> fault.code, fault.message
    ('DATABASE_NEWER', 'too new')
    """
    lines = [line for line in output.splitlines() if line.strip()]
    for line in reversed(lines):
        head, separator, sentence = line.partition(": ")
        if separator and head.startswith("error ") and " " not in head.removeprefix("error "):
            return Fault(head.removeprefix("error "), sentence)
    return Unavailable("MIGRATION_FAILED", lines[-1] if lines else "the migration said nothing")
