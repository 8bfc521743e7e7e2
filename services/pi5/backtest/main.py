"""Wires the backtest service: store, queue, workers, gRPC."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pi5.api.backtest.v1 import backtest_service_pb2_grpc as rpc
from pi5.backtest.jobs import Jobs
from pi5.backtest.limits import system_limits
from pi5.backtest.server import NAMES, BacktestServicer, OptimizationServicer
from pi5.backtest.store import Store
from pi5.kit.database import LOST, until_available
from pi5.kit.lifecycle import Context
from pi5.kit.server import GrpcServer, Registration

_READINESS_EVERY_S = 0.5
_INTERRUPTED = "the backtest service ended while this ran; run it again"


@asynccontextmanager
async def start(context: Context) -> AsyncIterator[None]:
    """Run the service around a block."""
    settings = context.settings.backtest
    store = Store(await context.pool())
    workers = settings.workers or max(1, (os.cpu_count() or 2) - 1)
    jobs = Jobs(store, workers, settings.max_queued, context.clock, context.log)
    folders = [
        context.home.strategies,
        *(Path(folder).expanduser() for folder in context.settings.strategy.folders),
    ]
    servicer = BacktestServicer(
        store,
        jobs,
        context.peer("data"),
        folders,
        system_limits(context.settings.risk),
        context.clock,
    )
    registrations: list[Registration] = [
        (rpc.add_BacktestServiceServicer_to_server, servicer),
        (rpc.add_OptimizationServiceServicer_to_server, OptimizationServicer()),
    ]
    async with context.serving(registrations, NAMES) as server:
        await until_available(_recover, store, jobs, context)
        for number in range(workers):
            context.spawn(jobs.work(), f"worker {number + 1}")
        context.spawn(_tell_readiness(server, store), "readiness")
        try:
            yield
        finally:
            await context.cancel_tasks()  # and with them the runs and their processes


async def _recover(store: Store, jobs: Jobs, context: Context) -> None:
    """End what was cut off, and take up what waits."""
    cut_off = await store.fail_interrupted(_INTERRUPTED, context.clock.now_ns())
    if cut_off:
        context.log.warning("runs were cut off when the service ended", count=cut_off)
    await store.forget_old_requests()
    for run_id in await store.waiting():
        jobs.enqueue(run_id)


async def _tell_readiness(server: GrpcServer, store: Store) -> None:
    """Say whether runs can be stored."""
    while True:
        try:
            ready = await store.answers()
        except LOST:
            ready = False
        await server.set_ready(ready)
        await asyncio.sleep(_READINESS_EVERY_S)
