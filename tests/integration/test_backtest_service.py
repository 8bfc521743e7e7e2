"""The backtest service as a process, fed by the real data service: run, watch, cancel, restart."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pi5.data
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from pi5.api.backtest.v1 import backtest_pb2
from pi5.api.backtest.v1 import backtest_service_pb2 as pb
from pi5.api.backtest.v1 import backtest_service_pb2_grpc as rpc
from pi5.api.common.v1 import options_pb2
from pi5.kit.clock import SystemClock
from pi5.kit.faults import reason_of
from pi5.kit.home import Home
from pi5.kit.tokens import TokenIssuer, load_or_create_key

pytestmark = pytest.mark.integration
SPEC = {
    "strategy_type": "ma-crossover",
    "symbols": ["SPX"],
    "parameters": {"fast": "10", "slow": "20"},
    "costs": {"fee_rate": "0.0005"},
}
GOLDEN_TRADES = 130
ENDLESS = """
from pi5.strategy.api import Strategy

class Endless(Strategy):
    name = "endless"
    description = "Takes its time."

    def on_bar(self, context, bar):
        print("a plug-in may print")
        while True:
            pass
"""


class Processes:
    """The services of one home, as processes."""

    def __init__(self, home: Home, database: str) -> None:
        home.create()
        self.home = home
        self.environment = {
            **os.environ,
            "PI5_HOME": str(home.root),
            "PI5_DATABASE_URL": database,
            "PI5_SERVICES__DATA__PORT": "0",
            "PI5_SERVICES__BACKTEST__PORT": "0",
            "PI5_DATA__SYNTHETIC__ENABLED": "false",
            "PI5_DATA__REPLAY__ENABLED": "false",
            "PI5_BACKTEST__MAX_QUEUED": "2",
            "PI5_BACKTEST__WORKERS": "1",
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", "pi5.serve", name]
        self.running[name] = subprocess.Popen(command, env=self.environment)
        deadline = time.monotonic() + 60
        while not self._ready(name):
            assert self.running[name].poll() is None, f"{name} ended"
            assert time.monotonic() < deadline, f"{name} did not become ready"
            time.sleep(0.1)

    def _ready(self, name: str) -> bool:
        with grpc.insecure_channel(f"unix:{self.home.socket(name)}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            with contextlib.suppress(grpc.RpcError):
                status = stub.Check(health_pb2.HealthCheckRequest(), timeout=2).status
                return status == health_pb2.HealthCheckResponse.SERVING
        return False

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait(15)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pi5.cli.main", "backtest", *words],
            env=self.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


@pytest.fixture
def processes(home: Home, database: str) -> Iterator[Processes]:
    made = Processes(home, database)
    (home.strategies / "endless.py").write_text(ENDLESS, encoding="utf-8")
    try:
        made.start("data")
        made.start("backtest")
        yield made
    finally:
        made.stop()


@contextlib.asynccontextmanager
async def client(processes: Processes) -> AsyncIterator[tuple[rpc.BacktestServiceStub, tuple]]:
    issuer = TokenIssuer(load_or_create_key(processes.home), SystemClock())
    token = issuer.mint("ada", options_pb2.ROLE_TRADER, 600)
    socket = processes.home.socket("backtest")
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        yield rpc.BacktestServiceStub(channel), (("authorization", f"Bearer {token}"),)


async def watch(stub, metadata, run_id: str) -> list[backtest_pb2.Backtest]:
    call = stub.WatchBacktest(pb.WatchBacktestRequest(id=run_id), metadata=metadata, timeout=60)
    return [message.backtest async for message in call if message.HasField("backtest")]


async def state_of(stub, metadata, run_id: str) -> backtest_pb2.Backtest:
    answer = await stub.GetBacktest(pb.GetBacktestRequest(id=run_id), metadata=metadata)
    return answer.backtest


async def until_running(stub, metadata, run_id: str) -> None:
    async with asyncio.timeout(30):
        state = backtest_pb2.RUN_STATE_UNSPECIFIED
        while state != backtest_pb2.RUN_STATE_RUNNING:
            await asyncio.sleep(0.05)
            state = (await state_of(stub, metadata, run_id)).state


async def refusal(call) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code().name, reason_of(rpc_status.from_call(caught.value))


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    return [int(word) for word in text.split()]


def request(spec=None, **changes) -> pb.RunBacktestRequest:
    return pb.RunBacktestRequest(spec={**SPEC, **(spec or {})}, **changes)


async def test_a_run_through_the_service(processes: Processes) -> None:
    """Run, watch to the end, list, compare, delete; equal wherever and however often it is run."""
    async with client(processes) as (stub, metadata):
        asked = request(request_id=str(uuid.uuid4()))
        first = (await stub.RunBacktest(asked, metadata=metadata)).backtest
        again = (await stub.RunBacktest(asked, metadata=metadata)).backtest
        assert again.id == first.id, "the same request is the same run"
        assert first.spec.initial_cash == "100000", "defaults are filled in"
        other = request({"seed": 2}, request_id=asked.request_id)
        assert await refusal(stub.RunBacktest(other, metadata=metadata)) == (
            "ALREADY_EXISTS",
            "IDEMPOTENCY_KEY_REUSED",
        )
        last = (await watch(stub, metadata, first.id))[-1]
        assert last.state == backtest_pb2.RUN_STATE_SUCCEEDED, last.error
        assert (last.progress, last.bars) == (1.0, 5_031)
        assert last.result.performance.closed_trades == GOLDEN_TRADES
        assert len(last.result.trades) == GOLDEN_TRADES
        assert 500 <= len(last.result.equity) <= 1_000

        second = (await stub.RunBacktest(request(), metadata=metadata)).backtest
        repeated = (await watch(stub, metadata, second.id))[-1]
        assert repeated.result == last.result
        listed = await stub.ListBacktests(pb.ListBacktestsRequest(page_size=1), metadata=metadata)
        assert [run.id for run in listed.backtests] == [second.id]
        assert not listed.backtests[0].result.equity
        rest = pb.ListBacktestsRequest(page_token=listed.next_page_token)
        older = await stub.ListBacktests(rest, metadata=metadata)
        assert [run.id for run in older.backtests] == [first.id]
        pair = pb.CompareBacktestsRequest(ids=[second.id, first.id])
        compared = await stub.CompareBacktests(pair, metadata=metadata)
        assert [run.id for run in compared.backtests] == [second.id, first.id]
        await stub.DeleteBacktest(pb.DeleteBacktestRequest(id=first.id), metadata=metadata)
        gone = stub.GetBacktest(pb.GetBacktestRequest(id=first.id), metadata=metadata)
        assert await refusal(gone) == ("NOT_FOUND", "UNKNOWN_BACKTEST")

        for spec, expected in [
            ({"symbols": ["SPY"]}, ("NOT_FOUND", "UNKNOWN_SYMBOL")),
            ({"strategy_type": "nope"}, ("NOT_FOUND", "UNKNOWN_STRATEGY_TYPE")),
            ({"parameters": {"fast": "x"}}, ("INVALID_ARGUMENT", "INVALID_PARAMETER")),
            ({"initial_cash": "-1"}, ("INVALID_ARGUMENT", "OUT_OF_BOUNDS")),
        ]:
            call = stub.RunBacktest(request(spec), metadata=metadata)
            assert await refusal(call) == expected
        report = stub.GetBacktestReport(pb.GetBacktestReportRequest(id="x"), metadata=metadata)
        assert await refusal(report) == ("UNIMPLEMENTED", "PLANNED")

    here = processes.command("ma-crossover", "--symbol", "SPX", "--csv", sample(), "--json")
    there = processes.command("ma-crossover", "--symbol", "SPX", "--json")
    assert "in this process" in here.stderr
    assert "in the backtest service" in there.stderr
    assert digest(here) == digest(there) == last.result.digest


def sample() -> str:
    return str(Path(pi5.data.__file__).parent / "samples" / "SPX_1d.csv")


def digest(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["result"]["digest"]


async def test_cancel_queue_and_death(processes: Processes) -> None:
    """An endless run can be canceled, the queue is bounded, a killed service says what broke."""
    endless = {"strategy_type": "endless", "parameters": {}}
    async with client(processes) as (stub, metadata):
        runs = [(await stub.RunBacktest(request(endless), metadata=metadata)).backtest]
        await until_running(stub, metadata, runs[0].id)
        runs += [(await stub.RunBacktest(request(endless), metadata=metadata)).backtest]
        runs += [(await stub.RunBacktest(request(), metadata=metadata)).backtest]
        full = stub.RunBacktest(request(), metadata=metadata)
        assert await refusal(full) == ("RESOURCE_EXHAUSTED", "BACKTEST_QUEUE_FULL")
        early = stub.DeleteBacktest(pb.DeleteBacktestRequest(id=runs[0].id), metadata=metadata)
        assert await refusal(early) == ("FAILED_PRECONDITION", "BACKTEST_NOT_ENDED")

        canceled = await stub.CancelBacktest(
            pb.CancelBacktestRequest(id=runs[0].id), metadata=metadata
        )
        assert canceled.backtest.state == backtest_pb2.RUN_STATE_CANCELED
        await until_running(stub, metadata, runs[1].id)
    workers = children(processes.running["backtest"].pid)
    assert len(workers) == 1
    processes.kill("backtest")
    async with asyncio.timeout(10):
        alive = True
        while alive:
            await asyncio.sleep(0.05)
            alive = Path(f"/proc/{workers[0]}/cmdline").exists()
    processes.start("backtest")
    async with client(processes) as (stub, metadata):
        cut_off = await state_of(stub, metadata, runs[1].id)
        assert cut_off.state == backtest_pb2.RUN_STATE_FAILED
        assert cut_off.error == "the backtest service ended while this ran; run it again"
        waited = (await watch(stub, metadata, runs[2].id))[-1]
        assert waited.state == backtest_pb2.RUN_STATE_SUCCEEDED, "what waited is taken up again"
