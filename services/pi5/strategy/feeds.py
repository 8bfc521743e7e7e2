"""What the strategy service listens to: market data, the portfolio, the order log; and history."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from pi5.api.common.v1 import stream_pb2, trading_pb2
from pi5.api.data.v1 import data_service_pb2
from pi5.api.data.v1.data_service_pb2_grpc import MarketDataServiceStub
from pi5.api.execution.v1 import execution_service_pb2
from pi5.api.execution.v1.execution_service_pb2_grpc import ExecutionServiceStub
from pi5.api.portfolio.v1 import portfolio_service_pb2
from pi5.api.portfolio.v1.portfolio_service_pb2_grpc import PortfolioServiceStub
from pi5.domain.errors import Unavailable
from pi5.domain.market import Bar
from pi5.kit.client import Peer, follow
from pi5.kit.log import Logger
from pi5.kit.wire.market import events_from
from pi5.kit.wire.times import timestamp
from pi5.strategy.convert import bar_from, outcome_of_event, view_from
from pi5.strategy.engine import HistoryRequest
from pi5.strategy.host import Host

_HISTORY_TIMEOUT_S = 5.0
_MOST_BARS = 5_000
_QUOTES_WANTED_EVERY_S = 1.0


class History:
    """Stored bars, asked of the data service."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._stub = MarketDataServiceStub(peer.channel)

    async def bars(self, request: HistoryRequest) -> list[Bar]:
        """Return the newest bars before a time, all symbols merged, oldest first.

        Raises:
            Unavailable: HISTORY_UNAVAILABLE.
        """
        found: list[Bar] = []
        for symbol in request.symbols:
            asked = data_service_pb2.ListBarsRequest(
                symbol=symbol,
                timeframe=trading_pb2.Timeframe.ValueType(request.timeframe),
                end_time=timestamp(request.before_ns),
                page_size=min(request.bars, _MOST_BARS),
                newest=True,
            )
            try:
                answer = await self._stub.ListBars(
                    asked, metadata=self._peer.metadata(), timeout=_HISTORY_TIMEOUT_S
                )
            except grpc.aio.AioRpcError as error:
                raise Unavailable(
                    "HISTORY_UNAVAILABLE", f"no bars of {symbol} from data: {error.details()}"
                ) from error
            found.extend(bar_from(bar) for bar in answer.bars)
        return sorted(found, key=lambda bar: (bar.time_ns, bar.symbol))


class BarFeed:
    """Live bars of all symbols, handed to the host one after another."""

    def __init__(self, peer: Peer, host: Host, log: Logger) -> None:
        self._peer = peer
        self._stub = MarketDataServiceStub(peer.channel)
        self._host = host
        self._log = log
        self._resume: stream_pb2.Resume | None = None
        self.alive = False

    async def run(self) -> None:
        """Follow the market for ever."""
        while True:
            try:
                async for message in follow(self._open, self._log, "bars"):
                    if not self.alive:
                        self.alive = True
                        await self._host.finish_warming_up()
                    if message.HasField("batch"):
                        await self._on_batch(message.batch)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.OUT_OF_RANGE:
                    raise
                self._log.warning("bars were lost, warming up anew")
                self._resume = None
                self._host.engine.mark_gap()

    def _open(self) -> Any:
        self.alive = False
        request = data_service_pb2.StreamMarketDataRequest(bars=True)
        if self._resume is not None:
            request.resume.CopyFrom(self._resume)
        return self._stub.StreamMarketData(request, metadata=self._peer.metadata())

    async def _on_batch(self, batch: Any) -> None:
        if self._resume is not None and self._resume.epoch != batch.epoch:
            self._host.engine.mark_gap()
        self._resume = stream_pb2.Resume(after_sequence=batch.sequence, epoch=batch.epoch)
        for bar in events_from(batch).bars:
            await self._host.on_bar(bar)


async def follow_quotes(peer: Peer, host: Host, log: Logger) -> None:
    """Hand quotes to the host while a strategy asks for them; lost ones are not made up for."""
    stub = MarketDataServiceStub(peer.channel)

    def open_stream() -> Any:
        request = data_service_pb2.StreamMarketDataRequest(quotes=True)
        return stub.StreamMarketData(request, metadata=peer.metadata())

    while True:
        if not host.engine.wants_quotes:
            await asyncio.sleep(_QUOTES_WANTED_EVERY_S)
            continue
        async for message in follow(open_stream, log, "quotes"):
            if message.HasField("batch"):
                for quote in events_from(message.batch).quotes:
                    await host.on_quote(quote)
            if not host.engine.wants_quotes:
                break


async def follow_portfolio(peer: Peer, host: Host, log: Logger) -> None:
    """Keep the host told of what is held."""
    stub = PortfolioServiceStub(peer.channel)

    def open_stream() -> Any:
        request = portfolio_service_pb2.StreamPortfolioRequest()
        return stub.StreamPortfolio(request, metadata=peer.metadata())

    async for message in follow(open_stream, log, "portfolio"):
        if message.HasField("snapshot"):
            host.on_portfolio(view_from(message.snapshot))


async def follow_order_log(peer: Peer, host: Host, after_sequence: int, log: Logger) -> None:
    """Learn from the order log what became of signals, also of those given before a crash."""
    stub = ExecutionServiceStub(peer.channel)
    applied = after_sequence

    def open_stream() -> Any:
        request = execution_service_pb2.StreamOrderEventsRequest(
            resume=stream_pb2.Resume(after_sequence=applied)
        )
        return stub.StreamOrderEvents(request, metadata=peer.metadata())

    async for message in follow(open_stream, log, "order log"):
        events = message.batch.events
        if not events:
            continue
        found = [outcome for event in events if (outcome := outcome_of_event(event)) is not None]
        await host.on_outcomes(found, events[-1].sequence)
        applied = events[-1].sequence
