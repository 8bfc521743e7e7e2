"""Is the PostgreSQL of a data folder really running? Answered from /proc, not from the pid alone.

A pid in postmaster.pid proves nothing: after kill -9 it may be a zombie that nobody reaps, and
after a power cut it may belong to any other process. PostgreSQL itself would refuse to start in
both cases when that process has the same user.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from pi5.domain.errors import Unavailable
from pi5.kit.postgres_place import Place

_PROC = Path("/proc")
_SEGMENT_LINE = 6  # of postmaster.pid: key and id of the shared memory that guards the folder
_STATUS_LINE = 7


def serving_pid(place: Place) -> int | None:
    """Return the pid of the folder's running server, or None."""
    lines = _lines(place)
    pid = _number(lines[0]) if lines else None
    return pid if pid is not None and _is_postmaster(pid, place) else None


def clear_stale_locks(place: Place, timeout_s: float) -> None:
    """Remove a dead server's lock files once none of its processes is left.

    A killed postmaster's children still hold the shared memory, for moments only; a new server
    beside them would ruin the data, so their end is waited for.

    Raises:
        Unavailable: POSTGRES_FAILED, when they do not end.
    """
    lines = _lines(place)
    deadline = time.monotonic() + timeout_s
    while _attached(lines):
        if time.monotonic() > deadline:
            raise Unavailable(
                "POSTGRES_FAILED",
                f"processes of a dead PostgreSQL still use {place.data}; end them, or restart the "
                "machine",
            )
        time.sleep(0.02)
    # The socket folder is this server's alone, so what lies there is the dead one's, too.
    for path in (place.pid_file, *place.socket_folder.glob(".s.PGSQL.*")):
        path.unlink(missing_ok=True)


def _lines(place: Place) -> list[str]:
    try:
        return place.pid_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _number(text: str) -> int | None:
    # A server in single-user mode writes its pid as a negative number.
    stripped = text.strip().lstrip("-")
    return int(stripped) if stripped.isdigit() else None


def _is_postmaster(pid: int, place: Place) -> bool:
    """Tell whether a process is a live PostgreSQL that was started on this very folder."""
    try:
        status = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        arguments = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    state = status.rpartition(")")[2].split()[:1]
    return state not in (["Z"], ["X"]) and os.fsencode(place.data) in arguments


def _attached(lines: list[str]) -> bool:
    """Tell whether any process still holds the shared memory that the pid file names."""
    parts = lines[_SEGMENT_LINE].split() if len(lines) > _SEGMENT_LINE else []
    segment = parts[1] if len(parts) == 2 else None
    if segment is None:
        return False
    try:
        table = (_PROC / "sysvipc" / "shm").read_text(encoding="ascii")
    except OSError:
        return False  # then PostgreSQL's own check of the segment has to do
    columns = table.splitlines()[0].split()
    for row in table.splitlines()[1:]:
        values = dict(zip(columns, row.split(), strict=False))
        if values.get("shmid") == segment:
            return int(values.get("nattch", "0")) > 0
    return False
