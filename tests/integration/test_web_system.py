"""The bridge and the system service as processes with a database: a person's first minutes."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from pi5.kit.home import Home

pytestmark = pytest.mark.integration
PASSWORD = "correct horse battery"
PROOF = {"x-requested-with": "pi5"}


@contextlib.contextmanager
def serving(home: Home, database: str) -> Iterator[httpx.Client]:
    home.create()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PI5_")} | {
        "PI5_HOME": str(home.root),
        "PI5_DATABASE_URL": database,
        "PI5_WEB__PORT": str(port),
        "PI5_WEB__HOST": "127.0.0.1",
        "PI5_SERVICES__SYSTEM__PORT": "0",
    }
    processes = [
        subprocess.Popen([sys.executable, "-m", "pi5.serve", name], env=environment)
        for name in ("system", "web")
    ]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            deadline = time.monotonic() + 30
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if client.get("/auth/setup").status_code == 200:
                        break
                assert time.monotonic() < deadline, "the services did not start"
                time.sleep(0.1)
            yield client
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(timeout=10) for process in processes]
    assert codes == [0, 0]


def test_from_the_set_up_link_to_signing_out(home: Home, database: str) -> None:
    """The link works once, sign-in gives cookies, refresh renews them, sign-out ends them."""
    with serving(home, database) as client:
        assert client.get("/auth/setup").json() == {"required": True}
        link = home.run / "setup-link"
        assert link.stat().st_mode & 0o777 == 0o600
        address = urlsplit(link.read_text(encoding="utf-8").strip())
        assert address.path == "/setup"
        token = address.fragment.removeprefix("token=")
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            answers = list(
                threads.map(
                    lambda name: httpx.post(
                        f"{client.base_url}/auth/setup",
                        json={"setup_token": token, "username": name, "password": PASSWORD},
                        timeout=10,
                    ),
                    ("ada", "bob", "eve", "dan"),
                )
            )
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
        winner = next(a for a in answers if a.status_code == 200).json()["user"]
        assert winner["role"] == "admin"
        assert not link.exists()

        wrong = client.post("/auth/login", json={"username": "ada", "password": "x"})
        unknown = client.post("/auth/login", json={"username": "nobody", "password": "x"})
        assert wrong.status_code == unknown.status_code == 401
        assert wrong.json()["message"] == unknown.json()["message"]

        name = winner["username"]
        signed = client.post("/auth/login", json={"username": name, "password": PASSWORD})
        assert signed.status_code == 200
        assert client.get("/auth/me").json()["username"] == name
        assert client.post("/auth/refresh", json={}, headers=PROOF).status_code == 200
        sessions = client.get("/auth/sessions").json()["sessions"]
        assert {s["address"] for s in sessions} == {"127.0.0.1"}
        assert [s["current"] for s in sessions].count(True) == 1
        assert client.post("/auth/logout", json={}, headers=PROOF).status_code == 200
        assert client.get("/auth/me").status_code == 401
        old = {"refresh_token": signed.json()["tokens"]["refresh_token"]}
        assert client.post("/auth/refresh", json=old, headers=PROOF).status_code == 401


def test_what_an_admin_sees_of_the_system(home: Home, database: str) -> None:
    """Settings without secrets, health of all parts, who did what, and metrics of the services."""
    with serving(home, database) as client:
        token = (home.run / "setup-link").read_text(encoding="utf-8").strip().partition("token=")[2]
        body = {"setup_token": token, "username": "ada", "password": PASSWORD}
        assert client.post("/auth/setup", json=body).status_code == 200

        entries = {e["key"]: e for e in client.get("/api/v1/system/config").json()["entries"]}
        assert entries["web.port"]["source"] == "environment"
        assert entries["web.lan_only"]["source"] == "default"
        assert entries["web.lan_only"]["description"]
        assert entries["database.url"]["secret"]
        assert database not in client.get("/api/v1/system/config").text

        health = client.get("/api/v1/system/health").json()
        states = {c["name"]: c["state"] for c in health["components"]}
        assert states["system"] == states["web"] == states["database"] == "healthy"
        assert states["risk"] == "down"
        assert health["state"] == "down"

        actions = [e["action"] for e in client.get("/api/v1/system/audit").json()["entries"]]
        assert "auth.setup" in actions
        verified = client.post("/api/v1/system/audit/verify", json={}, headers=PROOF).json()
        assert verified["intact"]
        assert 'service="web"' in client.get("/api/v1/system/metrics").text
        events = client.get("/api/v1/system/events?minimum_level=info").json()["events"]
        assert events[-1]["type"] == "SYSTEM_STARTED"
