"""A real execution process between a real database and a fake venue, for tests that kill it."""

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
from pi5.api.data.v1 import data_pb2, data_service_pb2, data_service_pb2_grpc
from pi5.api.execution.v1 import execution_service_pb2 as pb
from pi5.api.execution.v1 import execution_service_pb2_grpc
from pi5.api.risk.v1 import risk_pb2, risk_service_pb2, risk_service_pb2_grpc
from pi5.kit.clock import SystemClock, new_id
from pi5.kit.home import Home
from pi5.kit.tokens import TokenIssuer, load_or_create_key
from pi5.kit.wire.times import timestamp

ROOT = Path(__file__).resolve().parents[2]
VENUE = ROOT / "tests" / "fakes" / "broker" / "venue.py"
SETTINGS = """
execution:
  broker_timeout_ms: 400
  reconcile_interval_s: 1.0
  simulated: {{enabled: {simulated}}}
  remote_brokers: {remote}
"""


class Peers(
    risk_service_pb2_grpc.RiskServiceServicer, data_service_pb2_grpc.MarketDataServiceServicer
):
    """Risk that approves everything, and a market of one instrument."""

    def __init__(self) -> None:
        self.mode = risk_pb2.TRADING_MODE_ACTIVE
        self.changed = asyncio.Event()
        self.halts: list[str] = []
        self.quote = (99, 101)
        self.answer_delay_s = 0.0

    async def EvaluateStream(self, requests: Any, context: Any) -> Any:
        async for request in requests:
            await asyncio.sleep(self.answer_delay_s)
            yield risk_service_pb2.EvaluateStreamResponse(
                evaluation=risk_service_pb2.EvaluateResponse(
                    evaluation_id=request.evaluation.evaluation_id,
                    decision=self._decide(request.evaluation),
                )
            )

    def _decide(self, evaluation: Any) -> Any:
        now = time.time_ns()
        if evaluation.WhichOneof("subject") == "order":
            order = evaluation.order
        else:
            signal = evaluation.signal
            order = trading_pb2.OrderTerms(
                client_order_id=evaluation.client_order_id,
                account=evaluation.account,
                strategy_id=signal.strategy_id,
                symbol=signal.symbol,
                side=signal.side,
                type=trading_pb2.ORDER_TYPE_MARKET,
                time_in_force=trading_pb2.TIME_IN_FORCE_DAY,
                qty="5",
            )
        refused = order.qty == "666"
        return risk_pb2.Decision(
            id=new_id(),
            approved=not refused,
            approved_order=None if refused else order,
            reject_code="POSITION_LIMIT" if refused else "",
            account=order.account,
            strategy_id=order.strategy_id,
            symbol=order.symbol,
            side=order.side,
            mark_price="100",
            client_order_id=evaluation.client_order_id,
            decided_at=timestamp(now),
            valid_until=timestamp(now + 2_000_000_000),
        )

    async def StreamRiskState(self, request: Any, context: Any) -> Any:
        while True:
            changed = self.changed
            yield risk_service_pb2.StreamRiskStateResponse(state=risk_pb2.RiskState(mode=self.mode))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), 2.0)

    def set_mode(self, mode: Any) -> None:
        self.mode = mode
        self.changed.set()
        self.changed = asyncio.Event()

    async def Halt(self, request: Any, context: Any) -> Any:
        self.halts.append(request.reason)
        self.set_mode(risk_pb2.TRADING_MODE_HALTED)
        return risk_service_pb2.HaltResponse()

    async def ListInstruments(self, request: Any, context: Any) -> Any:
        acme = data_pb2.Instrument(
            symbol="ACME", name="Acme", asset_class=trading_pb2.ASSET_CLASS_EQUITY,
            currency="USD", venue="FAKE", tick_size="0.01", lot_size="1", tradable=True,
        )  # fmt: skip
        return data_service_pb2.ListInstrumentsResponse(instruments=[acme])

    async def StreamMarketData(self, request: Any, context: Any) -> Any:
        while True:
            bid, ask = self.quote
            batch = data_pb2.MarketDataBatch(symbols=["ACME"], sequence=1, epoch="e")
            batch.quotes.symbol_index.append(0)
            batch.quotes.bid_price.append(bid)
            batch.quotes.bid_size.append(1_000)
            batch.quotes.ask_price.append(ask)
            batch.quotes.ask_size.append(1_000)
            batch.quotes.time_unix_ns.append(time.time_ns())
            yield data_service_pb2.StreamMarketDataResponse(batch=batch)
            await asyncio.sleep(0.05)


class Rig:
    """One execution process, its peers, and the venue."""

    def __init__(self, home: Home, dsn: str, simulated: bool) -> None:
        self.home = home
        self.dsn = dsn
        self.peers = Peers()
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

    def start(self, failpoint: str = "") -> None:
        """Start the execution process, to die at a failpoint when one is named."""
        remote = json.dumps(
            [] if self.simulated
            else [{"name": "fake", "address": self.venue_address, "venues": ["FAKE"]}]
        )  # fmt: skip
        settings = SETTINGS.format(simulated=str(self.simulated).lower(), remote=remote)
        self.home.config_file.write_text(settings, encoding="utf-8")
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PI5_")},
            "PI5_HOME": str(self.home.root),
            "PI5_DATABASE_URL": self.dsn,
            "PI5_SERVICES__EXECUTION__PORT": "0",
        }
        if failpoint:
            environment["PI5_FAILPOINT"] = failpoint
        with (self.home.root / "execution.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pi5.serve", "execution"], env=environment, stderr=log
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
        """Return what the process said."""
        return (self.home.root / "execution.log").read_text(encoding="utf-8")[-8_000:]

    def stop(self) -> None:
        """End both processes."""
        for process in (self.process, self.venue):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    async def submit(self, timeout: float = 5.0, **fields: Any) -> Any:
        """Submit an order of 10 ACME at 100, changed as given; return it."""
        order = trading_pb2.OrderTerms(
            symbol="ACME", side=trading_pb2.SIDE_BUY, type=trading_pb2.ORDER_TYPE_LIMIT,
            time_in_force=trading_pb2.TIME_IN_FORCE_GTC, qty="10", limit_price="100",
        )  # fmt: skip
        for name, value in fields.items():
            setattr(order, name, value)
        answer = await self.stub.SubmitOrder(
            pb.SubmitOrderRequest(order=order), metadata=self.metadata, timeout=timeout
        )
        return answer.order

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
        not_sent = {"NOT_AT_BROKER", "APPROVAL_EXPIRED", "RISK_STATE_UNKNOWN"}
        sent = {o["client_order_id"] for o in orders if o["reject_code"] not in not_sent}
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
    """Set everything up but the execution process, which the test starts."""
    home.create()
    rig = Rig(home, dsn, simulated)
    servers = []
    for name, add in (
        ("risk", risk_service_pb2_grpc.add_RiskServiceServicer_to_server),
        ("data", data_service_pb2_grpc.add_MarketDataServiceServicer_to_server),
    ):
        server = grpc.aio.server()
        add(rig.peers, server)
        server.add_insecure_port(f"unix:{home.socket(name)}")
        await server.start()
        servers.append(server)
    if not simulated:
        rig.start_venue()
    try:
        yield rig
    finally:
        rig.stop()
        await rig.channel.close()
        for server in servers:
            await server.stop(0)
