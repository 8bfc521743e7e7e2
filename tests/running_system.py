"""Starts the whole system as a user does, in an empty home on free ports, for end-to-end tests."""

from __future__ import annotations

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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

PASSWORD = "correct horse battery"
GRPC_SERVICES = ("data", "strategy", "risk", "execution", "portfolio", "backtest", "system")


def free_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]


def eventually(what: Callable[[], Any], within_s: float, every_s: float = 0.2) -> Any:
    """Return the first truthy answer of `what`, or fail after `within_s`."""
    deadline = time.monotonic() + within_s
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what.__name__} did not come true within {within_s} s")
        time.sleep(every_s)


class RunningSystem:
    """One `pi5 up` and what a test needs to talk to it."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        web, *ports = free_ports(1 + len(GRPC_SERVICES))
        self.ports = dict(zip(GRPC_SERVICES, ports, strict=True))
        self.url = f"http://127.0.0.1:{web}"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PI5_")},
            "PI5_HOME": str(home),
            "PI5_ADMIN_PASSWORD": PASSWORD,
            "PI5_WEB__PORT": str(web),
            "PI5_WEB__HOST": "127.0.0.1",
            "PI5_WEB__REQUESTS_PER_MINUTE": "100000",
            **{f"PI5_SERVICES__{n.upper()}__PORT": str(p) for n, p in self.ports.items()},
            **variables,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.started_s = 0.0
        self.client = httpx.Client(base_url=self.url, timeout=15)

    def start(self) -> float:
        """Start and wait until everything is healthy; return the seconds it took."""
        began = time.monotonic()
        with (self.home / "console.log").open("ab") as console:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pi5.cli.main", "up"],
                env=self.environment,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        eventually(self.healthy, 60)
        self.started_s = time.monotonic() - began
        return self.started_s

    def console(self) -> str:
        """Return what the terminal shows."""
        return (self.home / "console.log").read_text(encoding="utf-8")

    def healthy(self) -> bool:
        """Tell whether one can sign in and every component is healthy."""
        assert self.process is not None
        assert self.process.poll() is None, self.console()
        try:
            if "authorization" not in self.client.headers:
                self.sign_in()
            health = self.client.get("/api/v1/system/health")
            return health.status_code == 200 and health.json()["state"] == "healthy"
        except (httpx.TransportError, KeyError):
            return False

    def sign_in(self) -> None:
        """Sign the test's client in as the admin."""
        answer = self.client.post(
            "/auth/login", json={"username": "admin", "password": PASSWORD}
        ).json()
        self.client.headers["authorization"] = "Bearer " + answer["tokens"]["access_token"]

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON of a GET that must succeed."""
        answer = self.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pids(self) -> dict[str, int]:
        """Return the process of each service."""
        state = json.loads((self.home / "run" / "supervisor.json").read_text(encoding="utf-8"))
        return {name: entry["pid"] for name, entry in state["services"].items()}

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Stop and return the seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=15)
        return time.monotonic() - began


@contextlib.contextmanager
def running_system(**variables: str) -> Iterator[RunningSystem]:
    """Run a system in a fresh home for the length of a block."""
    home = Path(tempfile.mkdtemp(prefix="pi5-e2e-"))
    home.chmod(0o755)
    system = RunningSystem(home, **variables)
    try:
        system.start()
        yield system
    finally:
        if system.process is not None and system.process.poll() is None:
            system.stop()
        system.client.close()
        shutil.rmtree(home, ignore_errors=True)
