"""Fixtures that several kinds of tests share: a migrated PostgreSQL and fresh copies of it."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import settings
from pi5.kit.home import Home
from pi5.kit.postgres import EmbeddedPostgres

settings.register_profile("default", deadline=None, print_blob=True)
settings.load_profile("default")
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def database_server() -> Iterator[EmbeddedPostgres]:
    """A real PostgreSQL with one migrated database that tests copy."""
    root = Path(tempfile.mkdtemp(prefix="pi5-test-"))
    root.chmod(0o755)
    home = Home(root)
    home.create()
    server = EmbeddedPostgres(home)
    asyncio.run(server.start())
    try:
        asyncio.run(_admin(server, "CREATE DATABASE template_pi5"))
        migrate = (
            "import sys, asyncio; from pi5.kit.migrate import upgrade; "
            "asyncio.run(upgrade(sys.argv[1]))"
        )
        subprocess.run(
            [sys.executable, "-c", migrate, server.dsn("template_pi5")], check=True, timeout=120
        )
        yield server
    finally:
        asyncio.run(server.stop())
        shutil.rmtree(root, ignore_errors=True)


async def _admin(server: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
def database(database_server: EmbeddedPostgres) -> Iterator[str]:
    """The DSN of a fresh, migrated database that is dropped after the test."""
    name = f"test_{next(_numbers)}"
    asyncio.run(_admin(database_server, f"CREATE DATABASE {name} TEMPLATE template_pi5"))
    try:
        yield database_server.dsn(name)
    finally:
        asyncio.run(_admin(database_server, f"DROP DATABASE {name} WITH (FORCE)"))
