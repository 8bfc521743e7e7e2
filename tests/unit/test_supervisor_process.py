"""One service as a child: kept alive, listened to, stopped without a trace."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from pi5.kit import lifecycle
from pi5.kit.clock import SystemClock
from pi5.supervisor import process
from pi5.supervisor.process import ServiceProcess

SLEEPER = "import time; print('here', flush=True); time.sleep(60)"


class Child:
    """A ServiceProcess that runs a small program, and what it said."""

    def __init__(self, program):
        self.lines = []
        self.service = ServiceProcess(
            "data",
            SystemClock(),
            self.lines.append,
            lambda: None,
            command=(sys.executable, "-c", program),
        )

    async def __aenter__(self):
        self.keeper = asyncio.create_task(self.service.keep_alive())
        return self

    async def __aexit__(self, *error):
        self.service.stop()
        self.service.signal(signal.SIGKILL)
        await self.keeper

    async def until(self, condition):
        for _ in range(1_000):
            if condition(self):
                return
            await asyncio.sleep(0.01)
        pytest.fail(f"did not come true; lines {self.lines}, state {self.service.state}")


async def test_a_killed_service_is_started_again():
    """After kill -9 there is a new process, and the restart is counted with its reason."""
    async with Child(SLEEPER) as child:
        await child.until(lambda c: c.lines == ["here"])
        first = child.service.state.pid
        os.kill(first, signal.SIGKILL)
        await child.until(lambda c: c.lines == ["here", "here"])
        assert child.service.state.pid != first
        assert child.service.state.restarts == 1
        assert child.service.state.last_exit == "killed by SIGKILL"


async def test_the_fault_a_service_names_is_known():
    """The last line of the form "error CODE: sentence" tells why a service ended."""
    async with Child("import sys; sys.exit('error PORT_TAKEN: port 1 is taken')") as child:
        await child.until(lambda c: c.service.fault)
        assert child.service.fault == "PORT_TAKEN: port 1 is taken"


async def test_restarts_come_slower_and_slower():
    """A service that dies at once is not started in a tight loop."""
    async with Child("print('here')") as child:
        await asyncio.sleep(1.0)
        assert 1 < len(child.lines) <= 4


async def test_a_stopped_service_is_not_started_again():
    """Stopping sends SIGTERM and ends the keeping alive."""
    child = Child(SLEEPER)
    keeper = asyncio.create_task(child.service.keep_alive())
    await child.until(lambda c: c.lines)
    child.service.stop()
    await asyncio.wait_for(keeper, 5)
    assert child.service.state.state == "stopped"
    assert child.service.state.pid is None
    assert child.service.state.last_exit == "killed by SIGTERM"


async def test_children_of_a_dead_service_go_with_it(tmp_path):
    """A grandchild that holds the pipe neither delays the restart nor stays behind."""
    note = tmp_path / "pid"
    program = (
        "import subprocess, os\n"
        "worker = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(note)!r}, 'a').write(f'{{worker.pid}}\\n')\n"
        "os.abort()"
    )
    async with Child(program) as child:
        await child.until(lambda c: c.service.state.restarts >= 1)
        pid = int(note.read_text().split()[0])
        status = Path(f"/proc/{pid}/stat")
        await child.until(lambda _: not status.exists() or ") Z" in status.read_text())


async def test_a_line_without_end_is_cut_not_kept():
    """A megabyte without a line break comes in pieces of bounded size, and nothing is lost."""
    program = "import time; print('x' * 1_000_000 + '\\nend', flush=True); time.sleep(60)"
    async with Child(program) as child:
        await child.until(lambda c: "end" in c.lines)
        assert sum(map(len, child.lines)) == 1_000_003
        assert max(map(len, child.lines)) <= 512 * 1024


def test_services_look_for_the_variable_that_the_supervisor_sets():
    """Supervisor and services agree on how a service knows its supervisor."""
    assert process.PARENT_VARIABLE == lifecycle.PARENT_VARIABLE


async def test_a_command_that_cannot_run_is_tried_again():
    """A failing start is a reason to wait, not to give up."""
    service = ServiceProcess("data", SystemClock(), print, lambda: None, command=("/nowhere",))
    keeper = asyncio.create_task(service.keep_alive())
    while service.state.restarts < 1:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert service.state.last_exit.startswith("cannot be started")
    service.stop()
    await asyncio.wait_for(keeper, 5)
