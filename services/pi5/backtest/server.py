"""BacktestService over gRPC: in and out only. OptimizationService comes with a later release."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc

from pi5.api.backtest.v1 import backtest_pb2
from pi5.api.backtest.v1 import backtest_service_pb2 as pb
from pi5.api.backtest.v1 import backtest_service_pb2_grpc as rpc
from pi5.api.common.v1 import stream_pb2
from pi5.api.data.v1 import data_service_pb2
from pi5.api.data.v1.data_service_pb2_grpc import MarketDataServiceStub
from pi5.backtest.convert import spec_from, spec_to
from pi5.backtest.jobs import Jobs
from pi5.backtest.spec import Spec
from pi5.backtest.store import ENDED, Run, Store
from pi5.domain.errors import InvalidInput, Precondition
from pi5.domain.limits import Limits
from pi5.kit.client import Peer
from pi5.kit.clock import Clock, new_id
from pi5.kit.paging import page_size, read_token, write_token
from pi5.kit.wire.times import timestamp
from pi5.strategy.loader import load_catalog
from pi5.strategy.plugin import build, parse_parameters
from pi5.strategy.watchdog import LOADING_LIMIT_MS, Watchdog

NAMES = ("pi5.api.backtest.v1.BacktestService", "pi5.api.backtest.v1.OptimizationService")
_HEARTBEAT_S = 5.0
_LEAST_WATCH_INTERVAL_S = 0.1
_DATA_TIMEOUT_S = 5.0
Context = grpc.aio.ServicerContext[Any, Any]


class BacktestServicer(rpc.BacktestServiceServicer):
    """Answers the calls of BacktestService.

    Args:
        store: where runs are kept.
        jobs: plays them.
        data: the data service.
        folders: folders with strategy plug-ins.
        limits: the system's limits, for what a request leaves open.
        clock: wall clock.
    """

    def __init__(
        self,
        store: Store,
        jobs: Jobs,
        data: Peer,
        folders: Sequence[Path],
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._data = data
        self._market = MarketDataServiceStub(data.channel)
        self._folders = folders
        self._limits = limits
        self._clock = clock
        self._watchdog = Watchdog(LOADING_LIMIT_MS)

    async def RunBacktest(
        self, request: pb.RunBacktestRequest, context: Context
    ) -> pb.RunBacktestResponse:
        """Check, store and queue a run."""
        spec = await self._checked(spec_from(request.spec, self._limits))
        self._jobs.admit()
        body = spec_to(spec).SerializeToString(deterministic=True)
        run, fresh = await self._store.add(new_id(), body, request.request_id, self._clock.now_ns())
        if fresh:
            self._jobs.enqueue(run.id)
        return pb.RunBacktestResponse(backtest=self._message(run))

    async def ListBacktests(
        self, request: pb.ListBacktestsRequest, context: Context
    ) -> pb.ListBacktestsResponse:
        """Answer with a page of runs, newest first, without equity curves and trades."""
        size = page_size(request.page_size, default=50, most=200)
        key = read_token(request.page_token, 2)
        runs = await self._store.page((int(key[0]), str(key[1])) if key else None, size + 1)
        token = ""
        if len(runs) > size:
            token = write_token([runs[size - 1].created_at_ns, runs[size - 1].id])
        return pb.ListBacktestsResponse(
            backtests=[self._message(run, curve=False, trades=False) for run in runs[:size]],
            next_page_token=token,
        )

    async def CompareBacktests(
        self, request: pb.CompareBacktestsRequest, context: Context
    ) -> pb.CompareBacktestsResponse:
        """Answer with several runs, without trades."""
        if not 2 <= len(request.ids) <= 10:
            raise InvalidInput("OUT_OF_BOUNDS", "compare two to ten backtests", field="ids")
        runs = await self._store.get_many(request.ids)
        return pb.CompareBacktestsResponse(
            backtests=[self._message(run, trades=False) for run in runs]
        )

    async def GetBacktest(
        self, request: pb.GetBacktestRequest, context: Context
    ) -> pb.GetBacktestResponse:
        """Answer with one run."""
        return pb.GetBacktestResponse(backtest=self._message(await self._store.get(request.id)))

    async def CancelBacktest(
        self, request: pb.CancelBacktestRequest, context: Context
    ) -> pb.CancelBacktestResponse:
        """End a run; one that has ended is left as it is."""
        await self._store.get(request.id)
        await self._jobs.cancel(request.id)
        live = self._jobs.live(request.id)
        if live is not None:
            changed = live.changed
            await asyncio.wait({asyncio.ensure_future(changed.wait())}, timeout=_DATA_TIMEOUT_S)
        return pb.CancelBacktestResponse(backtest=self._message(await self._store.get(request.id)))

    async def DeleteBacktest(
        self, request: pb.DeleteBacktestRequest, context: Context
    ) -> pb.DeleteBacktestResponse:
        """Remove an ended run."""
        run = await self._store.get(request.id)
        if run.state not in ENDED:
            raise Precondition(
                "BACKTEST_NOT_ENDED", "the backtest has not ended; cancel it first", field="id"
            )
        await self._store.delete(run.id)
        return pb.DeleteBacktestResponse()

    async def WatchBacktest(
        self, request: pb.WatchBacktestRequest, context: Context
    ) -> AsyncIterator[pb.WatchBacktestResponse]:
        """Stream a run as it stands until it ends; the last message holds the results."""
        while True:
            live = self._jobs.live(request.id)
            changed = live.changed if live else None
            run = await self._store.get(request.id)
            yield pb.WatchBacktestResponse(backtest=self._message(run))
            if run.state in ENDED:
                return
            if changed is None:
                await asyncio.sleep(_LEAST_WATCH_INTERVAL_S)
                continue
            try:
                await asyncio.wait_for(changed.wait(), _HEARTBEAT_S)
            except TimeoutError:
                now = timestamp(self._clock.now_ns())
                yield pb.WatchBacktestResponse(heartbeat=stream_pb2.Heartbeat(server_time=now))
            # A run tells its progress more often than anybody can look.
            await asyncio.sleep(_LEAST_WATCH_INTERVAL_S)

    async def _checked(self, spec: Spec) -> Spec:
        """Return the spec with its parameters filled in.

        Raises:
            InvalidInput, NotFound, Precondition: what is wrong with it.
        """
        spec.check()
        catalog = load_catalog(self._folders, self._watchdog.load)
        strategy = catalog.strategy(spec.strategy_type)
        build(strategy, spec.parameters)
        for symbol in spec.symbols:
            await self._market.GetInstrument(
                data_service_pb2.GetInstrumentRequest(symbol=symbol),
                metadata=self._data.metadata(),
                timeout=_DATA_TIMEOUT_S,
            )
        return spec.with_parameters(parse_parameters(strategy, spec.parameters))

    def _message(
        self, run: Run, *, curve: bool = True, trades: bool = True
    ) -> backtest_pb2.Backtest:
        message = backtest_pb2.Backtest(
            id=run.id,
            spec=backtest_pb2.BacktestSpec.FromString(run.spec),
            state=backtest_pb2.RunState.ValueType(run.state),
            progress=run.progress,
            bars=run.bars,
            error=run.error,
            created_at=timestamp(run.created_at_ns),
            started_at=timestamp(run.started_at_ns),
            ended_at=timestamp(run.ended_at_ns),
        )
        if run.result is not None:
            message.result.MergeFromString(run.result)
            if not curve:
                message.result.ClearField("equity")
            if not trades:
                message.result.ClearField("trades")
        live = self._jobs.live(run.id)
        if live is not None and run.state not in ENDED:
            message.progress, message.bars = live.progress, live.bars
            remaining_s = self._jobs.remaining_s(live)
            if remaining_s is not None:
                message.remaining_s = remaining_s
        return message


class OptimizationServicer(rpc.OptimizationServiceServicer):
    """Every method of it is planned; the guard answers so."""
