"""The real data, risk, portfolio and execution on a real database; only the venue is a fake.

Tests kill execution and make the venue hostile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pi5.api.common.v1 import options_pb2, stream_pb2, trading_pb2
from pi5.api.execution.v1 import execution_pb2, execution_service_pb2_grpc
from pi5.api.execution.v1 import execution_service_pb2 as pb
from pi5.kit.clock import SystemClock
from pi5.kit.home import Home
from pi5.kit.tokens import TokenIssuer, load_or_create_key

ROOT = Path(__file__).resolve().parents[2]
VENUE = ROOT / "tests" / "fakes" / "broker" / "venue.py"
SETTINGS = """
data:
  import_samples: false
  replay: {{enabled: false}}
execution:
  broker_timeout_ms: 400
  reconcile_interval_s: 1.0
  simulated: {{enabled: {simulated}}}
  remote_brokers: {remote}
"""


class Rig:
    """One execution process, its peers, and the venue."""

    def __init__(self, home: Home, dsn: str, simulated: bool) -> None:
        self.peers: dict[str, subprocess.Popen[bytes]] = {}
        self.home = home
        self.dsn = dsn
        self.ledger_path = home.root / "ledger"
        self.control_path = home.root / "control.json"
        self.venue_address = f"unix:{home.run / 'venue.sock'}"
        self.simulated = simulated
        self.process: subprocess.Popen[bytes] | None = None
        self.venue: subprocess.Popen[bytes] | None = None
        self.connect()
        issuer = TokenIssuer(load_or_create_key(home), SystemClock())
        token = issuer.mint("test", options_pb2.ROLE_SERVICE, 3_600)
        self.metadata = (("authorization", f"Bearer {token}"),)

    def connect(self) -> None:
        """Connect to whatever process has the socket now."""
        self.channel = grpc.aio.insecure_channel(
            f"unix:{self.home.socket('execution')}",
            options=[
                ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100),
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )  # fmt: skip
        self.stub = execution_service_pb2_grpc.ExecutionServiceStub(self.channel)

    def control(self, **behaviour: Any) -> None:
        """Tell the venue how to behave from now on."""
        new = self.control_path.with_suffix(".new")
        new.write_text(json.dumps(behaviour), encoding="utf-8")
        new.replace(self.control_path)

    def write_settings(self) -> None:
        """Write the configuration that all processes of this rig read."""
        remote = (
            []
            if self.simulated
            else [{"name": "fake", "address": self.venue_address, "venues": ["SIM"]}]
        )
        settings = SETTINGS.format(simulated=str(self.simulated).lower(), remote=json.dumps(remote))
        self.home.config_file.write_text(settings, encoding="utf-8")

    def start(self, failpoint: str = "") -> None:
        """Start the execution process, to die at a failpoint when one is named."""
        self.process = self.serve("execution", failpoint)

    def serve(self, service: str, failpoint: str = "") -> subprocess.Popen[bytes]:
        """Start a service's process."""
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PI5_")},
            "PI5_HOME": str(self.home.root),
            "PI5_DATABASE_URL": self.dsn,
            f"PI5_SERVICES__{service.upper()}__PORT": "0",
        }
        if failpoint:
            environment["PI5_FAILPOINT"] = failpoint
        with (self.home.root / f"{service}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "pi5.serve", service], env=environment, stderr=log
            )

    def start_venue(self) -> None:
        """Start the venue's process."""
        self.venue = subprocess.Popen(
            [
                sys.executable, str(VENUE), "--address", self.venue_address,
                "--ledger", str(self.ledger_path), "--control", str(self.control_path),
            ]
        )  # fmt: skip

    async def ready(self, within_s: float = 15.0) -> None:
        """Wait until execution takes orders."""
        health = health_pb2_grpc.HealthStub(self.channel)

        async def serving() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            try:
                answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=1.0)
            except grpc.aio.AioRpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

        await eventually(serving, within_s, self.log)

    async def died(self) -> int:
        """Wait for the process's end; return its exit code."""
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, 15)

    def log(self) -> str:
        """Return what the processes said."""
        return "\n".join(
            path.read_text(encoding="utf-8")[-6_000:]
            for path in sorted(self.home.root.glob("*.log"))
        )

    def stop(self) -> None:
        """End all processes."""
        for process in (self.process, self.venue, *self.peers.values()):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    async def submit(self, within_s: float = 5.0, **fields: Any) -> Any:
        """Submit an order to buy 2 ACME at the market, changed as given; return it."""
        order = trading_pb2.OrderTerms(
            symbol="ACME", side=trading_pb2.SIDE_BUY, type=trading_pb2.ORDER_TYPE_MARKET,
            time_in_force=trading_pb2.TIME_IN_FORCE_GTC, qty="2",
        )  # fmt: skip
        for name, value in fields.items():
            setattr(order, name, value)
        answer = await self.stub.SubmitOrder(
            pb.SubmitOrderRequest(order=order), metadata=self.metadata, timeout=within_s
        )
        return answer.order

    async def persist(self, within_s: float = 30.0, **fields: Any) -> Any:
        """Submit an order again and again until it is taken, as a careful caller does."""

        async def taken() -> Any:
            try:
                return await self.submit(within_s=2.0, **fields)
            except grpc.aio.AioRpcError as error:
                if error.code().name not in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}:
                    raise
                return None

        return await eventually(taken, within_s, self.log)

    async def judged(self) -> None:
        """Wait until risk approves orders and the venue answers them."""

        async def approved() -> Any:
            order = await self.persist()
            return order.id if order.broker else None

        await self.ready()
        first = await eventually(approved, 30, self.log)
        await self.comes_to(first, execution_pb2.ORDER_STATUS_FILLED, within_s=20.0)

    async def order(self, any_id: str) -> Any:
        """Return an order."""
        request = pb.GetOrderRequest(id=any_id)
        return (await self.stub.GetOrder(request, metadata=self.metadata, timeout=5.0)).order

    async def comes_to(self, any_id: str, status: int, within_s: float = 10.0) -> Any:
        """Wait until an order has a status; return it."""

        async def there() -> Any:
            try:
                found = await self.order(any_id)
            except grpc.aio.AioRpcError:
                return None
            return found if found.status == status else None

        return await eventually(there, within_s, self.log)

    async def events(self, after: int = 0) -> list[Any]:
        """Return all events of the log after a sequence."""
        resume = stream_pb2.Resume(after_sequence=after)
        request = pb.StreamOrderEventsRequest(resume=resume)
        call = self.stub.StreamOrderEvents(request, metadata=self.metadata)
        newest = (await call.read()).heartbeat.last_sequence
        found: list[Any] = []
        while after + len(found) < newest:
            found += (await call.read()).batch.events
        call.cancel()
        return found

    def ledger(self, kind: str) -> list[dict[str, Any]]:
        """Return what really happened at the venue."""
        if not self.ledger_path.exists():
            return []
        lines = self.ledger_path.read_text(encoding="utf-8").splitlines()
        return [entry for entry in map(json.loads, lines) if entry["event"] == kind]

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        """Ask the database itself."""
        connection = await asyncpg.connect(self.dsn, server_settings={"search_path": "execution"})
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()

    async def check_books(self) -> None:
        """Hold our tables against the venue's ledger: nothing lost, nothing doubled."""
        taken = Counter(entry["client_order_id"] for entry in self.ledger("taken"))
        doubled = {key: count for key, count in taken.items() if count > 1}
        assert doubled == {}
        intents = {row["client_id"] for row in await self.fetch("SELECT client_id FROM intent")}
        assert set(taken) <= intents
        orders = await self.fetch("SELECT * FROM orders")
        # Without a broker: refused by risk. The codes: held back, or shown not to have arrived.
        held_back = {"NOT_AT_BROKER", "APPROVAL_EXPIRED", "RISK_STATE_UNKNOWN", "HALTED"}
        sent = {
            order["client_order_id"]
            for order in orders
            if order["broker"] and order["reject_code"] not in held_back
        }
        assert sent == set(taken), (sent ^ set(taken), self.log())
        ours = {
            row["venue_exec_id"]: row["qty"]
            for row in await self.fetch("SELECT venue_exec_id, qty FROM fill")
        }
        theirs = {e["execution_id"]: Decimal(e["qty"]) for e in self.ledger("execution")}
        assert ours == theirs
        for order in orders:
            fills = await self.fetch("SELECT qty FROM fill WHERE order_id = $1", order["id"])
            assert sum(row["qty"] for row in fills) == order["filled_qty"] <= order["qty"]
        heads = await self.fetch("SELECT seq, hash FROM stream_head")
        rows = await self.fetch("SELECT seq, hash, prev_hash FROM event ORDER BY seq")
        assert [row["seq"] for row in rows] == list(range(1, heads[0]["seq"] + 1))
        before = bytes(32)
        for row in rows:
            assert row["prev_hash"] == before
            before = row["hash"]
        assert before == heads[0]["hash"]


async def eventually(
    what: Callable[[], Awaitable[Any]], within_s: float, tell: Callable[[], str] = str
) -> Any:
    """Return the first truthy answer, or fail."""
    deadline = time.monotonic() + within_s
    while True:
        answer = await what()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"did not come true in {within_s} s\n{tell()}"
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def execution_rig(home: Home, dsn: str, simulated: bool = False) -> AsyncIterator[Rig]:
    """Start data, risk and portfolio, and the venue; execution is started by the test."""
    home.create()
    rig = Rig(home, dsn, simulated)
    rig.write_settings()
    rig.peers = {name: rig.serve(name) for name in ("data", "risk", "portfolio")}
    if not simulated:
        rig.start_venue()
    try:
        yield rig
    finally:
        rig.stop()
        await rig.channel.close()
