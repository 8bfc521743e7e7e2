"""A real PostgreSQL for the integration tests: one server a session, one database a test."""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from pi5.kit import migrate
from pi5.kit.home import Home
from pi5.kit.postgres import EmbeddedPostgres


def make_home_folder() -> Path:
    """A short folder that PostgreSQL's user can walk to, unlike pytest's own (mode 0700)."""
    root = Path(tempfile.mkdtemp(prefix="pi5-"))
    root.chmod(0o755)
    return root


@pytest.fixture
def home() -> Iterator[Home]:
    """A PI5_HOME of the test's own."""
    root = make_home_folder()
    yield Home(root)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The session's server, with the database `pi5` migrated as a template for the others."""
    root = make_home_folder()
    server = EmbeddedPostgres(Home(root))
    asyncio.run(server.start())
    try:
        migrate.main(server.dsn())
        yield server
    finally:
        asyncio.run(server.stop())
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
async def database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Address of a migrated, empty database of the test's own."""
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(postgres.dsn("postgres"))
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE pi5")
        yield postgres.dsn(name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()
