"""Whether a server really runs: never believed from a pid alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pi5.domain.errors import Unavailable
from pi5.kit import postgres_pid
from pi5.kit.postgres_pid import clear_stale_locks, serving_pid
from pi5.kit.postgres_place import Owner, Place


@pytest.fixture
def place(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "socket").mkdir()
    owner = Owner("me", os.getuid(), os.getgid(), switch=False)
    data = tmp_path / "data"
    return Place(tmp_path, 18, data, data, tmp_path / "socket", tmp_path / "log", owner)


def write_pid_file(place: Place, pid: int, segment: str = "  1234567  42") -> None:
    lines = [str(pid), str(place.data), "0", "5432", str(place.socket_folder), "", segment, "ready"]
    place.pid_file.write_text("\n".join(lines) + "\n")


def test_no_pid_file_means_no_server(place):
    """A folder without postmaster.pid has no server."""
    assert serving_pid(place) is None


def test_a_recycled_pid_is_not_a_server(place):
    """A pid that now belongs to another process of the same user, here to us, does not count."""
    write_pid_file(place, os.getpid())
    assert serving_pid(place) is None


def test_a_zombie_is_not_a_server(place):
    """A killed server that nobody has reaped does not count as running."""
    arguments = [sys.executable, "-c", "input()", str(place.data)]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE)
    try:
        write_pid_file(place, process.pid)
        assert serving_pid(place) == process.pid
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert serving_pid(place) is None
    finally:
        process.communicate()


@pytest.mark.parametrize("content", ["", "\n", "garbage\n", "-12\n", "99999999999\n"])
def test_a_damaged_pid_file_is_not_a_server(place, content):
    """An empty or damaged file, as after a power cut, is no reason to fail."""
    place.pid_file.write_text(content)
    assert serving_pid(place) is None
    clear_stale_locks(place, timeout_s=1)
    assert not place.pid_file.exists()


def test_locks_stay_while_a_process_holds_the_shared_memory(place, tmp_path, monkeypatch):
    """A dead server's children must be gone before its locks are removed."""
    table = tmp_path / "proc" / "sysvipc"
    table.mkdir(parents=True)
    (table / "shm").write_text(
        "  key shmid perms size cpid lpid nattch\n 1234567 42 600 56 1 1 2\n"
    )
    monkeypatch.setattr(postgres_pid, "_PROC", tmp_path / "proc")
    write_pid_file(place, 1)
    with pytest.raises(Unavailable, match="still use"):
        clear_stale_locks(place, timeout_s=0.05)
    assert place.pid_file.exists()
    (table / "shm").write_text(
        "  key shmid perms size cpid lpid nattch\n 1234567 42 600 56 1 1 0\n"
    )
    (place.socket_folder / ".s.PGSQL.5432.lock").write_text("1\n")
    clear_stale_locks(place, timeout_s=0.05)
    assert not place.pid_file.exists()
    assert list(Path(place.socket_folder).iterdir()) == []
