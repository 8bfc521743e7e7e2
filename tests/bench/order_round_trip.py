"""Measures a running system: start, memory, and the round trip of an order. `make bench`.

Starts a system in an empty home, sends orders one at a time over the strategies' own stream
(SubmitSignals), and reads the times from what the services record: each stage is the difference of
two times of one machine's clock. No figure is asserted; read them as they are, with the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import time
import uuid
from pathlib import Path
from typing import Any

import grpc
from pi5.api.common.v1 import options_pb2, trading_pb2
from pi5.api.execution.v1 import execution_pb2
from pi5.api.execution.v1 import execution_service_pb2 as pb
from pi5.api.execution.v1 import execution_service_pb2_grpc as rpc
from pi5.api.portfolio.v1 import portfolio_service_pb2 as portfolio_pb
from pi5.api.portfolio.v1 import portfolio_service_pb2_grpc as portfolio_rpc
from pi5.kit.clock import SystemClock
from pi5.kit.home import Home
from pi5.kit.tokens import TokenIssuer, load_or_create_key
from pi5.kit.wire.times import timestamp

from tests.running_memory import descendants, memory_kib
from tests.running_system import RunningSystem, eventually, running_system

SYMBOL = "ACME"
STRATEGY = "bench"
# How an order ends whose quantity the market did not have.
_UNFILLED = {
    execution_pb2.ORDER_EVENT_TYPE_CANCELED,
    execution_pb2.ORDER_EVENT_TYPE_REJECTED,
    execution_pb2.ORDER_EVENT_TYPE_EXPIRED,
}


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def row(name: str, values: list[float]) -> dict[str, Any]:
    """Summarise milliseconds."""
    return {
        "stage": name,
        "n": len(values),
        "p50_ms": round(statistics.median(values), 2),
        "p99_ms": round(percentile(values, 0.99), 2),
    }


def signal_message(side: int, closes: bool) -> pb.SubmitSignalsRequest:
    """Return a signal as a strategy sends it."""
    now = timestamp(time.time_ns())
    return pb.SubmitSignalsRequest(
        signal=trading_pb2.Signal(
            id=str(uuid.uuid4()), strategy_id=STRATEGY, symbol=SYMBOL, side=side,
            strength=0.2, confidence=1.0, reason="benchmark", close_only=closes,
            event_time=now, created_at=now,
        )
    )  # fmt: skip


class Probe:
    """Follows the order log and the portfolio while orders are sent."""

    def __init__(self, execution: grpc.aio.Channel, portfolio: grpc.aio.Channel, metadata: Any):
        self._execution = rpc.ExecutionServiceStub(execution)
        self._portfolio = portfolio_rpc.PortfolioServiceStub(portfolio)
        self._metadata = metadata
        self.fill_seen_ns: dict[str, int] = {}
        self.fill_sequence: dict[str, int] = {}
        self.unfilled: set[str] = set()
        self.grown = asyncio.Event()

    async def follow_events(self) -> None:
        """Note when the fill of each signal's order arrives."""
        call = self._execution.StreamOrderEvents(
            pb.StreamOrderEventsRequest(), metadata=self._metadata
        )
        async for message in call:
            for event in message.batch.events:
                if event.type in _UNFILLED:
                    self.unfilled.add(event.order.signal_id)
                    self.grown.set()
                elif event.type == execution_pb2.ORDER_EVENT_TYPE_FILL:
                    self.fill_seen_ns[event.order.signal_id] = time.time_ns()
                    self.fill_sequence[event.order.signal_id] = event.sequence
                    self.grown.set()

    async def applied(self, sequence: int) -> None:
        """Return when the portfolio has applied an event."""
        while True:
            answer = await self._portfolio.GetSummary(
                portfolio_pb.GetSummaryRequest(), metadata=self._metadata
            )
            if answer.summary.applied_sequence >= sequence:
                return

    async def round_trip(self, stream: Any, side: int, closes: bool) -> dict[str, float] | None:
        """Send one signal; return its times in milliseconds, None when it was not filled."""
        message = signal_message(side, closes)
        began = time.time_ns()
        await stream.write(message)
        answer = await stream.read()
        answered = time.time_ns()
        if answer.reject_code or answer.failed:
            return None
        identity = message.signal.id
        while identity not in self.fill_seen_ns:
            if identity in self.unfilled:
                return None
            self.grown.clear()
            await asyncio.wait_for(self.grown.wait(), 10)
        await self.applied(self.fill_sequence[identity])
        done = time.time_ns()
        return {
            "answer": (answered - began) / 1e6,
            "fill": (self.fill_seen_ns[identity] - began) / 1e6,
            "portfolio": (done - began) / 1e6,
        }


async def measure_orders(system: RunningSystem, count: int) -> list[dict[str, Any]]:
    """Send `count` signals, buying and closing in turn."""
    home = Home(system.home)
    issuer = TokenIssuer(load_or_create_key(home), SystemClock())
    token = issuer.mint("bench", options_pb2.ROLE_SERVICE, 3_600)
    metadata = (("authorization", f"Bearer {token}"),)
    async with (
        grpc.aio.insecure_channel(f"unix:{home.socket('execution')}") as execution,
        grpc.aio.insecure_channel(f"unix:{home.socket('portfolio')}") as portfolio,
    ):
        probe = Probe(execution, portfolio, metadata)
        following = asyncio.create_task(probe.follow_events())
        await asyncio.sleep(0.5)
        stream = rpc.ExecutionServiceStub(execution).SubmitSignals(metadata=metadata)
        times: list[dict[str, float]] = []
        refused = 0
        for number in range(count):
            closes = number % 2 == 1
            side = trading_pb2.SIDE_SELL if closes else trading_pb2.SIDE_BUY
            found = await probe.round_trip(stream, side, closes)
            if found is None:
                refused += 1
                await asyncio.sleep(0.05)
            elif number >= count // 20:  # the first few warm everything up
                times.append(found)
        stream.cancel()
        following.cancel()
    if not times:
        raise SystemExit(f"none of {refused} signals was filled")
    return [
        row("signal -> committed and answered", [t["answer"] for t in times]),
        row("signal -> fill event received", [t["fill"] for t in times]),
        row("signal -> fill in the portfolio", [t["portfolio"] for t in times]),
        {"stage": "signals refused or not filled", "n": refused},
    ]


def measure_memory(system: RunningSystem) -> list[dict[str, Any]]:
    """Return resident and proportional memory of all processes."""
    assert system.process is not None
    figures = [memory_kib(pid) for pid in descendants(system.process.pid)]
    services = [memory_kib(pid) for pid in system.pids().values()]
    shares = {
        "resident, the eight services": sum(resident for resident, _ in services),
        "proportional, the eight services": sum(share for _, share in services),
        "proportional, everything with PostgreSQL": sum(share for _, share in figures),
    }
    return [{"stage": name, "MiB": round(kib / 1024)} for name, kib in shares.items()]


def measure_first_fill() -> dict[str, Any]:
    """Return the seconds from healthy to the demo's first fill, in a fresh home."""
    with running_system() as system:
        began = time.monotonic()
        eventually(lambda: system.get("/api/v1/orders/trades/history")["fills"], 120)
        return {"stage": "healthy to the first paper fill", "s": round(time.monotonic() - began, 1)}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=400)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with running_system(PI5_STRATEGY__INSTANCES="") as system:
        first_start = system.started_s
        eventually(lambda: system.get("/api/v1/market-data/quotes")["quotes"], 30)
        time.sleep(10)
        rows = measure_memory(system)
        rows += asyncio.run(measure_orders(system, arguments.orders))
        stopped = system.stop()
        second_start = system.start()
        rows += [
            {"stage": "first start to healthy", "s": round(first_start, 1)},
            {"stage": "second start to healthy", "s": round(second_start, 1)},
            {"stage": "stop", "s": round(stopped, 1)},
        ]
    rows.append(measure_first_fill())
    print(f"{platform.machine()}, Python {platform.python_version()}")
    for figures in rows:
        rest = "  ".join(f"{key} {value}" for key, value in figures.items() if key != "stage")
        print(f"  {figures['stage']:<44} {rest}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
