"""What the supervisor tells others: PI5_HOME/run/supervisor.json; and the lock of the one instance.

The file is replaced as a whole, so a reader never sees half of it. It may be older than its
writer: whoever reads it must look whether the pid lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pi5.domain.errors import Precondition
from pi5.kit.clock import Clock
from pi5.kit.home import Home

_ORPHANS_END_NS = 6_000_000_000


class ServiceState(msgspec.Struct, kw_only=True):
    """One service as the supervisor sees it; times are RFC 3339, "" before the first start."""

    pid: int | None = None
    state: str = "stopped"  # starting, running, waiting (to be started again), stopped
    restarts: int = 0
    started_at: str = ""
    last_exit: str = ""


class PostgresState(msgspec.Struct, kw_only=True):
    """The embedded PostgreSQL."""

    pid: int | None = None
    restarts: int = 0


class SupervisorState(msgspec.Struct, kw_only=True):
    """The whole file."""

    pid: int
    version: str
    started_at: str
    services: dict[str, ServiceState]
    postgres: PostgresState | None = None


def state_path(home: Home) -> Path:
    """Return where the state is written."""
    return home.run / "supervisor.json"


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file as a whole."""
    fresh = path.with_name(f"{path.name}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    fresh.replace(path)


def read_state(home: Home) -> SupervisorState | None:
    """Return the last state written; None when there is none or it cannot be read."""
    try:
        return msgspec.json.decode(state_path(home).read_bytes(), type=SupervisorState)
    except (OSError, msgspec.DecodeError):
        return None


@contextlib.contextmanager
def only_instance(home: Home) -> Iterator[None]:
    """Hold the lock of the one supervisor of a PI5_HOME.

    Raises:
        Precondition: ALREADY_RUNNING.
    """
    with (home.run / "supervisor.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            state = read_state(home)
            pid = f" (process {state.pid})" if state else ""
            raise Precondition(
                "ALREADY_RUNNING",
                f"the system already runs in {home.root}{pid}; see `pi5 status`, stop it with "
                "Ctrl+C where it runs, or choose another PI5_HOME",
            ) from None
        yield


def end_orphans(home: Home, clock: Clock) -> None:
    """See the services of a killed supervisor off: they are ending already, but hold the ports."""
    state = read_state(home)
    if state is None:
        return
    pids = [entry.pid for entry in state.services.values() if entry.pid]
    deadline_ns = clock.monotonic_ns() + _ORPHANS_END_NS
    while alive := [pid for pid in pids if _is_service(pid)]:
        if clock.monotonic_ns() > deadline_ns:
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            deadline_ns += _ORPHANS_END_NS
        time.sleep(0.05)


def _is_service(pid: int) -> bool:
    """Tell whether a pid is one of our services still, not a process that got its number."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"pi5.serve" in arguments and status.rpartition(")")[2].split()[:1] != ["Z"]
