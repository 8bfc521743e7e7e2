"""The schema: what is there, who may do what, and what a fault or a kill leaves behind."""

import asyncio
import os
import signal
import sys
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from pi5.domain.errors import Precondition, Unavailable
from pi5.kit import migrate, schema

pytestmark = pytest.mark.integration
SERVICES = ("data", "strategy", "risk", "execution", "portfolio", "backtest", "system")
APPEND_ONLY = {
    "risk.decision",
    "risk.limit_change",
    "execution.event",
    "execution.venue_execution",
    "system.system_events",
    "system.audit",
    "system.config_change",
}


async def as_service(dsn, service):
    settings = {"role": f"pi5_{service}", "search_path": service}
    return await asyncpg.connect(dsn, server_settings=settings)


async def new_database(server, name):
    admin = await asyncpg.connect(server.dsn("postgres"))
    try:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {name}")
    finally:
        await admin.close()
    return server.dsn(name)


async def our_schemas(dsn):
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT nspname FROM pg_namespace WHERE nspname = ANY($1)", SERVICES
        )
        return {row["nspname"] for row in rows}
    finally:
        await connection.close()


async def test_second_upgrade_changes_nothing(database):
    """Migrating a database that is up to date is a no-op that says so."""
    assert await migrate.upgrade(database) == (schema.newest_version(), schema.newest_version())


def test_newest_version_is_alembics_head():
    """The version read from file names is the head of Alembic's chain."""
    config = Config()
    config.set_main_option("script_location", str(schema.folder()))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.newest_version()]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_sees_its_own_schema_only(database, service):
    """Each role may read all of its own tables and none of another service's."""
    connection = await as_service(database, service)
    try:
        rows = await connection.fetch(
            "SELECT n.nspname || '.' || c.relname AS name FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'v') AND n.nspname = ANY($1)",
            SERVICES,
        )
        assert len(rows) > 30
        for row in rows:
            query = f"SELECT count(*) FROM {row['name']}"
            if row["name"].startswith(f"{service}."):
                assert await connection.fetchval(query) == 0
            else:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.fetchval(query)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE mine (id int)")
        assert await connection.fetchval("SELECT version_num FROM pi5.schema_version")
    finally:
        await connection.close()


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
async def test_logs_can_only_grow(database, table):
    """Nobody but the owner of the database can change or remove what a log holds."""
    connection = await as_service(database, table.partition(".")[0])
    try:
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        column = await connection.fetchval(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum = 2", table
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"UPDATE {table} SET {column} = {column}")
    finally:
        await connection.close()


async def test_bars_read_as_exact_decimals(database):
    """The view shows integer ticks as decimals of the instrument's scales, to the last digit."""
    connection = await as_service(database, "data")
    try:
        await add_instrument(connection)
        await connection.execute(
            "INSERT INTO bar"
            " VALUES ('X', 8, '2026-01-01Z', 1234, 9223372036854775807, 1, 0, 15, 't')"
        )
        row = await connection.fetchrow("SELECT * FROM market_data")
        assert (row["open"], row["low"]) == (Decimal("12.34"), Decimal("0.01"))
        assert row["high"] == Decimal("92233720368547758.07")
        assert row["volume"] == Decimal("0.0015")
    finally:
        await connection.close()


async def test_scales_are_fixed_once_bars_are_stored(database):
    """Changing a scale would change the meaning of stored integers, so it is refused."""
    connection = await as_service(database, "data")
    try:
        await add_instrument(connection)
        await connection.execute("UPDATE instrument SET price_scale = 3")
        await connection.execute(
            "INSERT INTO bar VALUES ('X', 8, '2026-01-01Z', 1, 1, 1, 1, 1, '')"
        )
        await connection.execute("UPDATE instrument SET name = 'Y', price_scale = 3")
        with pytest.raises(asyncpg.RestrictViolationError, match="the scales of X are fixed"):
            await connection.execute("UPDATE instrument SET price_scale = 2")
    finally:
        await connection.close()


async def add_instrument(connection):
    await connection.execute(
        "INSERT INTO instrument (symbol, asset_class, currency, venue, tick_size, lot_size,"
        " price_scale, size_scale) VALUES ('X', 1, 'USD', 'T', 0.01, 0.0001, 2, 4)"
    )


async def test_a_reported_fill_is_final_and_an_inferred_one_gives_way(database):
    """A fill the venue reported can neither change nor go; one that was inferred can."""
    connection = await as_service(database, "execution")
    try:
        for name, inferred in (("real", False), ("guess", True)):
            await connection.execute(
                "INSERT INTO fill (account, venue_exec_id, order_id, client_order_id, strategy_id,"
                " symbol, side, qty, price, currency, time, inferred) VALUES ('main', $1,"
                " gen_random_uuid(), 'c', 'manual', 'X', 1, 1, 1, 'USD', now(), $2)",
                name,
                inferred,
            )
        for statement in ("DELETE FROM fill", "UPDATE fill SET qty = 2"):
            with pytest.raises(asyncpg.RestrictViolationError, match="real was reported"):
                await connection.execute(statement)
        assert await connection.execute("DELETE FROM fill WHERE inferred") == "DELETE 1"
    finally:
        await connection.close()


async def test_lists_of_orders_use_their_indexes(database):
    """Open orders and a page of the newest ones are read from an index, not by sorting all."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        page = "ORDER BY created_at DESC, id DESC LIMIT 50"
        for where, index in (
            ("(created_at, id) < (now(), gen_random_uuid())", "orders_newest"),
            ("status IN (1, 2, 3, 5, 7, 11)", "orders_open"),
            ("symbol = 'X' AND (created_at, id) < (now(), gen_random_uuid())", "orders_of_symbol"),
        ):
            plan = "\n".join(
                row[0]
                for row in await connection.fetch(
                    f"EXPLAIN SELECT id FROM execution.orders WHERE {where} {page}"
                )
            )
            assert index in plan, plan
            assert "Sort" not in plan, plan
    finally:
        await connection.close()


async def test_a_failing_revision_changes_nothing(database_server, tmp_path, monkeypatch):
    """When a later revision fails, the whole upgrade is rolled back, the first one included."""
    dsn = await new_database(database_server, "failing")
    add_revision(tmp_path, "CREATE TABLE data.late (id int); SELECT 1 / 0;", monkeypatch)
    with pytest.raises(Precondition) as caught:
        await migrate.upgrade(dsn)
    assert caught.value.code == "MIGRATION_FAILED"
    assert "division by zero" in caught.value.message
    assert await our_schemas(dsn) == set()
    assert await schema.current_version(dsn) == ""


async def test_a_newer_database_is_refused(database):
    """A database that a newer release upgraded is left alone, with a sentence saying so."""
    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE pi5.schema_version SET version_num = '9999'")
    await connection.close()
    with pytest.raises(Precondition) as caught:
        await migrate.upgrade(database)
    assert caught.value.code == "DATABASE_NEWER"
    assert await schema.current_version(database) == "9999"


def add_revision(folder: Path, sql: str, monkeypatch) -> None:
    """Copy the migrations and add one more revision that runs `sql`."""
    copy = folder / "migrations"
    copy.mkdir(parents=True)
    for source in schema.folder().rglob("*"):
        if source.is_file() and "__pycache__" not in source.parts:
            target = copy / source.relative_to(schema.folder())
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    newest = schema.newest_version()
    (copy / "versions" / "9000_more.py").write_text(
        "from pathlib import Path\nfrom pi5.kit.migrate import run_sql\n"
        f"revision = '9000'\ndown_revision = '{newest}'\n"
        "def upgrade(): run_sql(Path(__file__).with_suffix('.sql'))\n"
    )
    (copy / "versions" / "9000_more.sql").write_text(sql)
    monkeypatch.setattr(migrate, "folder", lambda: copy)
    monkeypatch.setattr(migrate, "newest_version", lambda: "9000")


async def test_upgrades_at_once_take_turns(database_server):
    """Programs that migrate the same empty database at the same moment all succeed."""
    dsn = await new_database(database_server, "turns")
    program = "import sys; from pi5.kit import migrate; print(migrate.main(sys.argv[1])[1])"
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, dsn, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    for process in processes:
        output, _ = await process.communicate()
        assert output.decode().strip() == schema.newest_version()
    assert await our_schemas(dsn) == set(SERVICES)


async def test_kill_in_the_middle_leaves_the_old_version(database_server, tmp_path, monkeypatch):
    """kill -9 of the migrating process leaves the version there was, and the next run succeeds."""
    dsn = await new_database(database_server, "killed")
    add_revision(tmp_path, "CREATE TABLE data.late (id int); SELECT pg_sleep(60);", monkeypatch)
    program = (
        "import sys; from pathlib import Path; from pi5.kit import migrate\n"
        f"migrate.folder = lambda: Path({str(tmp_path / 'migrations')!r})\n"
        "migrate.newest_version = lambda: '9000'\n"
        "migrate.main(sys.argv[1])"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, dsn)
    watcher = await asyncpg.connect(dsn)
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    while not await watcher.fetchval(sleeping):
        assert process.returncode is None
        await asyncio.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    # The server sees within a second that nobody listens any more.
    while await watcher.fetchval(sleeping):  # noqa: ASYNC110 - no event to wait for
        await asyncio.sleep(0.05)
    await watcher.close()
    assert await schema.current_version(dsn) == ""
    monkeypatch.undo()
    assert await migrate.upgrade(dsn) == ("", schema.newest_version())


async def test_a_login_without_createrole_is_told_what_to_do(database_server):
    """On a server whose roles are missing, a login user without the right gets the remedy."""
    admin = await asyncpg.connect(database_server.dsn("postgres"))
    await admin.execute("CREATE ROLE plain LOGIN")
    await admin.execute("CREATE DATABASE plain OWNER plain")
    try:
        with pytest.raises(Precondition) as caught:
            await migrate.upgrade(database_server.dsn("plain", "plain"))
        assert caught.value.code == "DATABASE_PERMISSION"
        assert "GRANT pi5_data TO plain" in caught.value.message
        await admin.execute(
            "GRANT pi5_data, pi5_strategy, pi5_risk, pi5_execution, pi5_portfolio, pi5_backtest,"
            " pi5_system TO plain"
        )
        assert await migrate.upgrade(database_server.dsn("plain", "plain")) == (
            "",
            schema.newest_version(),
        )
        service = await as_service(database_server.dsn("plain", "plain"), "risk")
        assert await service.fetchval("SELECT count(*) FROM decision") == 0
        await service.close()
    finally:
        await admin.execute("DROP DATABASE plain WITH (FORCE)")
        await admin.execute("DROP ROLE plain")
        await admin.close()


async def test_an_unreachable_database_is_a_plain_sentence():
    """No server at the address: a fault that names the setting to look at."""
    with pytest.raises(Unavailable) as caught:
        await migrate.upgrade("postgresql://nobody@127.0.0.1:1/none")
    assert caught.value.code == "DATABASE_UNREACHABLE"
    assert "PI5_DATABASE_URL" in caught.value.message


@pytest.mark.skipif("TEST_TIMESCALE_DSN" not in os.environ, reason="no TimescaleDB to test with")
async def test_timescaledb_compresses_bars_and_ticks():
    """Where TimescaleDB is loaded, bars and ticks are hypertables that compress themselves."""
    dsn = os.environ["TEST_TIMESCALE_DSN"]  # of an empty database
    await migrate.upgrade(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT hypertable_schema || '.' || hypertable_name AS name, compression_enabled"
            " FROM timescaledb_information.hypertables"
        )
        assert {row["name"]: row["compression_enabled"] for row in rows} == {
            "data.bar": True,
            "data.tick": True,
        }
        jobs = "SELECT count(*) FROM timescaledb_information.jobs WHERE hypertable_schema = 'data'"
        assert await connection.fetchval(jobs) == 2
    finally:
        await connection.close()
