"""The embedded PostgreSQL: shared, killed, healed, stopped; as root and as an ordinary user."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from pi5.domain.errors import Unavailable
from pi5.kit import postgres
from pi5.kit.home import Home
from pi5.kit.postgres import EmbeddedPostgres
from pi5.kit.postgres_place import find_place

pytestmark = pytest.mark.integration

NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}
# A program that uses the server until its standard input ends.
USER = """
import asyncio, sys
from pathlib import Path
from pi5.kit import postgres
from pi5.kit.home import Home
from pi5.kit.postgres import EmbeddedPostgres
async def main():
    async with EmbeddedPostgres(Home(Path(sys.argv[1]))) as dsn:
        print(dsn, flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(main())
"""


async def another_user(home):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        USER,
        str(home.root),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    dsn = (await process.stdout.readline()).decode().strip()
    assert dsn.startswith("postgresql:///pi5")
    return process, dsn


async def answers(dsn):
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        return await connection.fetchval("SELECT 1") == 1
    finally:
        await connection.close()


async def until_gone(pid):
    for _ in range(500):
        if not is_running(pid):
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"process {pid} is still there")


def is_running(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


async def write_rows(dsn, count):
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
    await connection.copy_records_to_table("kept", records=[(i,) for i in range(count)])
    await connection.close()


async def count_rows(dsn):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval("SELECT count(*) FROM kept")
    finally:
        await connection.close()


async def test_it_listens_on_a_private_socket_only(home):
    """No TCP port, and a socket folder that only the server's user (and root) may enter."""
    async with EmbeddedPostgres(home) as dsn:
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("SHOW listen_addresses") == ""
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW full_page_writes") == "on"
        assert await connection.fetchval("SHOW data_checksums") == "on"
        await connection.close()
        assert (home.run / "postgres").stat().st_mode & 0o777 == 0o700


async def test_data_outlives_the_server(home):
    """Stopped and started again, the same rows are there, and the second start is quick."""
    async with EmbeddedPostgres(home) as dsn:
        await write_rows(dsn, 1_000)
    async with EmbeddedPostgres(home) as dsn:
        assert await count_rows(dsn) == 1_000


async def test_the_last_of_several_programs_stops_it(home):
    """A program that leaves does not take the server from another; the last one stops it."""
    server = EmbeddedPostgres(home)
    await server.start()
    other, dsn = await another_user(home)
    pid = server.pid()
    await server.stop()
    assert await answers(dsn)
    other.stdin.close()
    assert await other.wait() == 0
    await until_gone(pid)


async def test_a_killed_program_does_not_keep_it_running(home):
    """kill -9 of one user leaves no trace: the last living one still stops the server."""
    server = EmbeddedPostgres(home)
    await server.start()
    other, _ = await another_user(home)
    other.kill()
    await other.wait()
    pid = server.pid()
    await server.stop()
    await until_gone(pid)


async def test_a_server_whose_only_user_was_killed_is_joined(home):
    """When its only program was killed, the next start joins the running server and can stop it."""
    other, _ = await another_user(home)
    other.kill()
    await other.wait()
    server = EmbeddedPostgres(home)
    await server.start()
    assert await answers(server.dsn())
    pid = server.pid()
    await server.stop()
    await until_gone(pid)


async def test_watch_heals_a_killed_server(home):
    """kill -9 of the postmaster: it answers again within eight seconds, nothing lost."""
    server = EmbeddedPostgres(home)
    await server.start()
    watch = asyncio.create_task(server.watch())
    try:
        await write_rows(server.dsn(), 100_000)
        for round_number in (1, 2):
            begin = time.monotonic()
            os.kill(server.pid(), signal.SIGKILL)
            while server.restarts < round_number:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            assert await count_rows(server.dsn()) == 100_000
            assert time.monotonic() - begin < 8
    finally:
        watch.cancel()
        await server.stop()


async def test_a_start_after_a_crash_recovers(home):
    """All programs and the server killed, as in a power cut: the next start recovers."""
    other, dsn = await another_user(home)
    await write_rows(dsn, 10_000)
    server = EmbeddedPostgres(home)
    await server.start()
    other.kill()
    os.kill(server.pid(), signal.SIGKILL)
    await other.wait()
    again = EmbeddedPostgres(home)
    await again.start()
    assert await count_rows(again.dsn()) == 10_000
    await server.stop()
    await again.stop()


async def test_a_recycled_pid_does_not_stop_a_start(home):
    """A pid file that names another living process, as after a reboot, is no obstacle."""
    async with EmbeddedPostgres(home):
        content = (home.database / "postmaster.pid").read_text().splitlines()
    owner = home.database.stat().st_uid
    sleeper = await asyncio.create_subprocess_exec("sleep", "60", user=owner)
    try:
        content[0] = str(sleeper.pid)
        (home.database / "postmaster.pid").write_text("\n".join(content) + "\n")
        os.chown(home.database / "postmaster.pid", owner, -1)
        async with EmbeddedPostgres(home) as dsn:
            assert await answers(dsn)
    finally:
        sleeper.kill()
        await sleeper.wait()


async def test_a_kill_during_initdb_leaves_nothing_half(home):
    """What an interrupted first start left is thrown away, and the next start succeeds."""
    home.create()
    half = home.root / "data-18.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres(home) as dsn:
        assert await answers(dsn)
    assert not half.exists()


async def test_a_failing_server_says_why(home):
    """When PostgreSQL cannot start, its own last words are in the sentence."""
    async with EmbeddedPostgres(home):
        pass
    with (home.database / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(Unavailable) as caught:
        await EmbeddedPostgres(home).start()
    assert caught.value.code == "POSTGRES_FAILED"
    assert "no_such_setting" in caught.value.message or "contains errors" in caught.value.message


def python_for_everybody():
    """An interpreter like ours that an unprivileged user can run; None where there is none."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        try:
            version = subprocess.run(
                [candidate, "-c", "import sys; print(*sys.version_info[:2], sep='.')"],
                capture_output=True,
                text=True,
                check=True,
                **NOBODY,
            ).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            continue
        if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
            return candidate
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
async def test_root_below_a_closed_folder(home, monkeypatch):
    """Below a closed folder the data lives outside; a link says where, and the way stays closed."""
    shared = home.root / "shared"
    monkeypatch.setattr(postgres, "find_place", partial(find_place, shared_root=shared))
    closed = home.root / "root"
    closed.mkdir(mode=0o700)
    inner = Home(closed / "pi5")
    for _ in range(2):
        async with EmbeddedPostgres(inner) as dsn:
            await write_rows(dsn, 10)
    assert inner.database.resolve().is_relative_to(shared)
    assert closed.stat().st_mode & 0o777 == 0o700
    async with EmbeddedPostgres(inner) as dsn:
        assert await count_rows(dsn) == 20


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
async def test_an_ordinary_user_runs_it_as_themselves(home):
    """Started by an ordinary user, the server and the data are that user's."""
    python = await asyncio.to_thread(python_for_everybody)
    if python is None:
        pytest.skip("no interpreter that an unprivileged user can run")
    home.root.chmod(0o777)
    process = await asyncio.create_subprocess_exec(
        python,
        "-c",
        USER,
        str(home.root),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        **NOBODY,
    )
    dsn = (await process.stdout.readline()).decode().strip()
    assert await answers(dsn)
    pid = int((home.database / "postmaster.pid").read_text().split()[0])
    assert home.database.stat().st_uid == NOBODY["user"]
    assert Path(f"/proc/{pid}").stat().st_uid == NOBODY["user"]
    process.stdin.close()
    assert await process.wait() == 0
    await until_gone(pid)
