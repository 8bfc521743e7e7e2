"""One term as the sender: from taking the lock, through recovery, until the database is lost.

Everything that believes something about orders lives for one session and is built anew from the
database and the brokers for the next, so start-up and recovery are the same path.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from pi5.api.data.v1.data_service_pb2 import StreamMarketDataRequest
from pi5.api.data.v1.data_service_pb2_grpc import MarketDataServiceStub
from pi5.domain.decision import TradingMode
from pi5.execution import metrics, store
from pi5.execution.brokers.base import Broker
from pi5.execution.brokers.remote import RemoteBroker
from pi5.execution.brokers.simulated import SimulatedBroker
from pi5.execution.courier import Courier, Line
from pi5.execution.desk import Desk
from pi5.execution.engine import ExecutionEngine
from pi5.execution.eventlog import EventLog, Tail
from pi5.execution.instruments import Instruments
from pi5.execution.reconcile import Reconciler
from pi5.execution.risk_link import RiskLink
from pi5.execution.venue_store import VenueBooks
from pi5.kit.breaker import Breaker
from pi5.kit.client import Peer, follow
from pi5.kit.clock import new_id
from pi5.kit.database import Pool
from pi5.kit.lifecycle import Context
from pi5.kit.wire.market import events_from

_LOCK_RETRY_S = 0.25


@dataclass(frozen=True, slots=True)
class Rooms:
    """What lives as long as the process."""

    context: Context
    pool: Pool[Any]
    risk: RiskLink
    data: Peer
    instruments: Instruments
    tail: Tail


@dataclass(frozen=True, slots=True)
class Session:
    """What lives while this process is the sender."""

    desk: Desk
    reconciler: Reconciler
    lines: dict[str, Line]


async def run_session(
    rooms: Rooms, opened: Callable[[Session], None], ready: Callable[[bool], Any]
) -> None:
    """Become the sender, recover, and work until something is lost.

    Raises:
        ExceptionGroup: with what ended it.
    """
    async with rooms.pool.acquire() as connection:
        log = await _become_sender(rooms, connection)
        async with _brokers(rooms) as brokers, asyncio.TaskGroup() as tasks:
            await _work(rooms, log, brokers, tasks, opened, ready)


async def _become_sender(rooms: Rooms, connection: Any) -> EventLog:
    waited = False
    while True:
        head = await store.try_become_sender(connection)
        if head is not None:
            break
        if not waited:
            rooms.context.log.info("another process is the sender; waiting for its end")
            waited = True
        await asyncio.sleep(_LOCK_RETRY_S)
    rooms.tail.restart()
    rooms.context.log.info("this process is the sender", epoch=head.epoch, sequence=head.sequence)
    return EventLog(connection, head, rooms.tail)


@contextlib.asynccontextmanager
async def _brokers(rooms: Rooms) -> AsyncIterator[list[Broker]]:
    """Make the configured brokers, and close them at the end."""
    context = rooms.context
    settings = context.settings.execution
    brokers: list[Broker] = []
    if settings.simulated.enabled:
        books = VenueBooks(rooms.pool, SimulatedBroker.name)
        paper = SimulatedBroker(settings.simulated, books, rooms.instruments, context.clock)
        await paper.restore()
        brokers.append(paper)
    timeout_s = settings.broker_timeout_ms / 1_000
    brokers += [
        RemoteBroker(remote, context.token, timeout_s, context.log)
        for remote in settings.remote_brokers
    ]
    try:
        yield brokers
    finally:
        for broker in brokers:
            await broker.close()


async def _work(
    rooms: Rooms,
    log: EventLog,
    brokers: list[Broker],
    tasks: asyncio.TaskGroup,
    opened: Callable[[Session], None],
    ready: Callable[[bool], Any],
) -> None:
    context, clock = rooms.context, rooms.context.clock
    settings = context.settings.execution
    engine = ExecutionEngine(new_id)
    engine.load(await store.open_entries(rooms.pool))
    lines = {broker.name: Line(broker, Breaker(broker.name, clock)) for broker in brokers}
    courier = Courier(
        engine, log, lines, rooms.risk, rooms.pool, clock, context.log,
        settings.broker_timeout_ms / 1_000, tasks.create_task,
    )  # fmt: skip
    tasks.create_task(log.run(), name="event log")
    await _recover(engine, log, clock.now_ns())
    live = context.settings.system.environment == "live"
    reconciler = Reconciler(engine, courier, lines, rooms.pool, clock, context.log, live)
    desk = Desk(
        engine, log, courier, lines, rooms.risk, rooms.instruments, rooms.pool, clock,
        tasks.create_task,
    )  # fmt: skip
    for line in lines.values():
        tasks.create_task(courier.run_reports(line), name=f"reports of {line.broker.name}")
        tasks.create_task(reconciler.run(line, settings.reconcile_interval_s))
        if isinstance(line.broker, SimulatedBroker):
            tasks.create_task(line.broker.run(), name="paper exchange")
            tasks.create_task(_feed(rooms, line.broker), name="paper market")
    tasks.create_task(courier.run_settling(), name="settling")
    tasks.create_task(_follow_mode(rooms, desk), name="trading mode")
    opened(Session(desk, reconciler, lines))
    tasks.create_task(_watch_readiness(rooms, reconciler, ready), name="readiness")


async def _recover(engine: ExecutionEngine, log: EventLog, now_ns: int) -> None:
    """What was committed to be sent and has no answer may have been sent: it is unknown now."""
    for entry in engine.open_entries():
        if not entry.settled:
            await log.commit(engine.on_no_answer(entry.order.id, now_ns))
    metrics.OPEN.set(len(engine.open_entries()))


async def _watch_readiness(
    rooms: Rooms, reconciler: Reconciler, ready: Callable[[bool], Any]
) -> None:
    """Say whether orders can be taken, whenever that changes."""
    said: bool | None = None
    while True:
        now = reconciler.complete and rooms.risk.mode is not None
        if now is not said:
            said = now
            await ready(now)
            rooms.context.log.info("taking orders" if now else "not taking orders")
        await asyncio.sleep(0.05)


async def _follow_mode(rooms: Rooms, desk: Desk) -> None:
    """Act on each change of the trading mode, beginning with the one there is."""
    changed = asyncio.Event()
    rooms.risk.on_mode = lambda _mode: changed.set()
    before: TradingMode | None = None
    while True:
        changed.clear()
        if rooms.risk.mode is not before:
            before = rooms.risk.mode
            rooms.context.log.info("trading mode", mode=before.name if before else "unknown")
            await desk.on_mode(before)
        await changed.wait()


async def _feed(rooms: Rooms, paper: SimulatedBroker) -> None:
    """Show the market to the paper exchange, for ever; without a feed it has no prices."""
    stub = MarketDataServiceStub(rooms.data.channel)

    def opened() -> Any:
        paper.market_lost()
        return stub.StreamMarketData(
            StreamMarketDataRequest(quotes=True, bars=True), metadata=rooms.data.metadata()
        )

    async for message in follow(opened, rooms.context.log, "market data"):
        if message.WhichOneof("event") == "batch":
            await paper.on_market(events_from(message.batch))
