"""`pi5 up` with all its services: starts, heals, stops, and leaves nothing behind."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from pi5.kit.home import Home

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
SERVICES = {"data", "strategy", "risk", "execution", "portfolio", "backtest", "system", "web"}
PATIENCE_S = 90


class System:
    """One `pi5 up` in a home and on ports of its own."""

    def __init__(self):
        root = Path(tempfile.mkdtemp(prefix="pi5-"))
        root.chmod(0o755)
        self.home = Home(root)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        kept = {name: value for name, value in os.environ.items() if name[:4] != "PI5_"}
        ports = {f"PI5_SERVICES__{n.upper()}__PORT": "0" for n in SERVICES - {"web"}}
        self.environment = (
            kept
            | ports
            | {
                "PI5_HOME": str(root),
                "PI5_WEB__HOST": "127.0.0.1",
                "PI5_WEB__PORT": str(port),
            }
        )
        self.process = None

    def start(self):
        """Start and wait for the banner."""
        with (self.home.root / "console").open("wb") as console:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pi5.cli.main", "up"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        self.eventually(lambda: "is running" in self.console())

    def console(self):
        return (self.home.root / "console").read_text()

    def state(self):
        return json.loads((self.home.run / "supervisor.json").read_text())

    def pids(self):
        return {name: entry["pid"] for name, entry in self.state()["services"].items()}

    def pi5(self, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "pi5.cli.main", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def eventually(self, condition, within_s=PATIENCE_S):
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"did not come true within {within_s} s:\n{self.console()}")
            if self.process.poll() is not None and "is running" not in self.console():
                pytest.fail(f"pi5 up ended:\n{self.console()}")
            time.sleep(0.1)

    def healthy(self):
        return self.pi5("status", "--json").returncode == 0

    def clean_up(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home.root, ignore_errors=True)


def lives(pid):
    """Tell whether a process is there and no zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(scope="module")
def running():
    """A system that several tests share; each leaves it healthy."""
    system = System()
    try:
        system.start()
        yield system
    finally:
        system.clean_up()


@pytest.fixture
def own():
    """A system of the test's own, which it may end as it likes."""
    system = System()
    try:
        system.start()
        yield system
    finally:
        system.clean_up()


def test_everything_runs_and_says_so(running):
    """Eight services and the database are ready; the banner names address, mode and logs."""
    status = json.loads(running.pi5("status", "--json").stdout)
    assert status["healthy"], status
    assert {row["name"] for row in status["services"]} == SERVICES | {"database"}
    assert all(row["pid"] and row["memory_bytes"] for row in status["services"]), status
    assert "paper trading" in running.console()
    assert f"http://127.0.0.1:{running.environment['PI5_WEB__PORT']}" in running.console()
    assert str(running.home.logs) in running.console()


def test_the_first_visit_has_a_link_that_works_once(running):
    """While there is no admin, the banner shows the link that creates one."""
    assert "First visit" in running.console()
    assert (running.home.run / "setup-link").stat().st_mode & 0o777 == 0o600


def test_a_second_start_in_the_same_home_is_refused(running):
    """The refusal is one sentence with the running process's id."""
    result = running.pi5("up")
    assert result.returncode == 1
    assert result.stderr.startswith("error ALREADY_RUNNING")
    assert str(running.process.pid) in result.stderr


@pytest.mark.parametrize("service", ["risk", "web"])
def test_a_killed_service_comes_back_alone(running, service):
    """kill -9 of one service: it is back soon, and no other was restarted."""
    running.eventually(running.healthy)
    before = running.pids()
    os.kill(before[service], signal.SIGKILL)
    running.eventually(lambda: running.pids()[service] not in (None, before[service]))
    running.eventually(running.healthy, within_s=20)
    after = running.pids()
    assert {name for name in SERVICES if before[name] != after[name]} == {service}
    assert running.state()["services"][service]["last_exit"] == "killed by SIGKILL"


def test_a_killed_database_heals(running):
    """kill -9 of PostgreSQL: everything is ready again within fifteen seconds."""
    running.eventually(running.healthy)
    before = running.state()["postgres"]
    os.kill(before["pid"], signal.SIGKILL)
    running.eventually(lambda: running.state()["postgres"]["restarts"] > before["restarts"])
    running.eventually(running.healthy, within_s=15)


def test_logs_are_files_of_json_lines(running):
    """Each service has a log, and what it logs is one JSON object a line."""
    for name in SERVICES:
        lines = (running.home.logs / f"{name}.log").read_text().splitlines()
        assert any(line.startswith("{") and json.loads(line)["event"] for line in lines), name


def assert_stops(system, number):
    """At the signal: exit code 0 within five seconds, no service and no database left."""
    pids = [*system.pids().values(), system.state()["postgres"]["pid"]]
    begin = time.monotonic()
    system.process.send_signal(number)
    assert system.process.wait(15) == 0
    assert time.monotonic() - begin < 5.5
    assert not any(lives(pid) for pid in pids)
    assert "Traceback" not in system.console()


def test_ctrl_c_stops_everything_and_leaves_nothing(own):
    """After Ctrl+C there is no service, no database, nothing in the way of the next start."""
    assert_stops(own, signal.SIGINT)


def test_a_killed_supervisor_leaves_no_services_and_starts_again(own):
    """kill -9 of the supervisor: the services end by themselves, and the next start works."""
    pids = own.pids()
    database = own.state()["postgres"]["pid"]
    own.process.kill()
    own.process.wait()
    deadline = time.monotonic() + 8
    while any(lives(pid) for pid in pids.values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [name for name, pid in pids.items() if lives(pid)]
    own.start()
    assert own.healthy()
    assert own.state()["postgres"]["pid"] == database
    assert_stops(own, signal.SIGTERM)
