"""Wires the strategy service: store, host, feeds, the stream to execution, gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pi5.api.strategy.v1 import strategy_service_pb2_grpc as rpc
from pi5.domain.market import TIMEFRAME_BY_LABEL
from pi5.kit.clock import Clock
from pi5.kit.database import LOST, until_available
from pi5.kit.lifecycle import Context
from pi5.kit.server import GrpcServer
from pi5.kit.settings import StrategyInstance
from pi5.strategy.api import as_text
from pi5.strategy.engine import StrategyState
from pi5.strategy.feeds import BarFeed, History, follow_order_log, follow_portfolio, follow_quotes
from pi5.strategy.host import Host
from pi5.strategy.performance import Performance
from pi5.strategy.server import NAME, StrategyServicer
from pi5.strategy.store import Row, Store
from pi5.strategy.submitter import Submitter

_READINESS_EVERY_S = 0.5
_CRASHED = "the strategy service ended before an answer came; it is not sent again"


@asynccontextmanager
async def start(context: Context) -> AsyncIterator[None]:
    """Run the service around a block."""
    settings = context.settings.strategy
    store = Store(await context.pool())
    data, execution = context.peer("data"), context.peer("execution")
    portfolio = context.peer("portfolio")
    folders = [context.home.strategies, *(Path(f).expanduser() for f in settings.folders)]
    host = Host(store, settings, folders, History(data).bars, context.clock, context.log)
    host.load_types()
    submitter = Submitter(execution, host.on_outcomes, context.clock, context.log)
    host.send = submitter.send
    bars = BarFeed(data, host, context.log)
    servicer = StrategyServicer(store, host, data, Performance(portfolio), context.clock)
    add = rpc.add_StrategyServiceServicer_to_server
    async with context.serving([(add, servicer)], [NAME]) as server:
        await until_available(_recover, context, store, settings.instances)
        context.spawn(submitter.run(), "signals to execution")
        context.spawn(follow_portfolio(portfolio, host, context.log), "portfolio")
        sequence = await store.signals.order_log_sequence()
        context.spawn(follow_order_log(execution, host, sequence, context.log), "order log")
        context.spawn(_bring_up(store, host, bars, context.clock), "instances")
        context.spawn(follow_quotes(data, host, context.log), "quotes")
        context.spawn(_tell_readiness(server, store, host, bars, submitter), "readiness")
        try:
            yield
        finally:
            await context.cancel_tasks()  # before the channels they use are closed


async def _recover(context: Context, store: Store, instances: tuple[StrategyInstance, ...]) -> None:
    """End what a crash left open, and create the configured instances on the first start."""
    failed = await store.signals.fail_pending(_CRASHED)
    if failed:
        context.log.warning("signals were on their way when the service ended", count=failed)
    await store.forget_old_requests()
    now_ns = context.clock.now_ns()
    await store.create_configured([_configured(instance, now_ns) for instance in instances])


def _configured(instance: StrategyInstance, now_ns: int) -> Row:
    wanted = StrategyState.RUNNING if instance.enabled else StrategyState.STOPPED
    return Row(
        id=instance.id,
        type=instance.type,
        symbols=instance.symbols,
        timeframe=TIMEFRAME_BY_LABEL[instance.timeframe],
        parameters={name: as_text(value) for name, value in instance.parameters.items()},
        enabled=instance.enabled,
        desired_state=wanted,
        signal_count=0,
        restarts=0,
        last_error="",
        revision=1,
        created_at_ns=now_ns,
        updated_at_ns=now_ns,
        last_signal_at_ns=0,
    )


async def _bring_up(store: Store, host: Host, bars: BarFeed, clock: Clock) -> None:
    """Start what is enabled once the portfolio is known, then follow the market."""
    await host.portfolio_known.wait()
    for row in await until_available(store.rows):
        runs = row.enabled or row.desired_state == StrategyState.STOPPED
        await host.apply(row if runs else await store.want_stopped(row.id, clock.now_ns()))
    await bars.run()


async def _tell_readiness(
    server: GrpcServer, store: Store, host: Host, bars: BarFeed, submitter: Submitter
) -> None:
    """Say whether signals can be given, stored and sent."""
    while True:
        try:
            stored = await store.answers()
        except LOST:
            stored = False
        ready = stored and host.portfolio_known.is_set() and bars.alive and submitter.connected
        await server.set_ready(ready)
        await asyncio.sleep(_READINESS_EVERY_S)
