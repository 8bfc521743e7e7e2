"""The system outlives its parts, and leaves nothing behind when it goes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.running_system import RunningSystem, eventually, running_system

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SERVICES = ("data", "strategy", "risk", "execution", "portfolio", "backtest", "system", "web")


def fill_count(system: RunningSystem) -> int:
    return int(system.get("/api/v1/portfolio/summary")["applied_sequence"])


def processes_of(home: Path) -> list[str]:
    """Name the processes whose environment or arguments carry this home."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            marks = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(home).encode() in marks and int(entry.name) != os.getpid():
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def test_services_killed_one_by_one_come_back_and_trading_goes_on() -> None:
    """After kill -9 of each service and of PostgreSQL the system is healthy and trades again."""
    with running_system() as system:
        for service in SERVICES:
            before = system.pids()[service]
            os.kill(before, signal.SIGKILL)
            eventually(lambda s=service, b=before: system.pids()[s] != b, 15)
            eventually(system.healthy, 30)
        sequence = fill_count(system)
        eventually(lambda: fill_count(system) > sequence, 60)
        postmaster = next(
            int(entry.name)
            for entry in Path("/proc").glob("[0-9]*")
            if (entry / "cmdline").exists()
            and b"/postgres\0-D\0" in (entry / "cmdline").read_bytes()
            and str(os.path.realpath(system.home / "data-18")).encode()
            in (entry / "cmdline").read_bytes()
        )
        os.kill(postmaster, signal.SIGKILL)
        time.sleep(1)
        eventually(system.healthy, 30)
        sequence = fill_count(system)
        eventually(lambda: fill_count(system) > sequence, 60)
        verified = system.client.post("/api/v1/portfolio/verify", json={}).json()
        assert verified["consistent"], verified["differences"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_nothing_behind_and_a_second_start_remembers(number: int) -> None:
    """Ctrl-C and SIGTERM end every process with exit code 0; the next start goes on from there."""
    with running_system() as system:
        eventually(lambda: fill_count(system) > 0, 60)
        equity_events = fill_count(system)
        system.stop(number)
        assert processes_of(system.home) == []
        assert system.process is not None
        assert system.process.returncode == 0
        system.start()
        assert fill_count(system) >= equity_events
