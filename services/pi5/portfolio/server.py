"""PortfolioService on the wire: reads the live engine and the store, holds no rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from pi5.api.common.v1 import stream_pb2
from pi5.api.portfolio.v1 import portfolio_service_pb2 as pb
from pi5.api.portfolio.v1 import portfolio_service_pb2_grpc
from pi5.domain.errors import InvalidInput, NotFound
from pi5.kit.database import reached
from pi5.kit.guard import ServicerContext
from pi5.kit.paging import page_size, read_token, write_token
from pi5.kit.wire.times import time_ns, timestamp, to_datetime
from pi5.portfolio import convert
from pi5.portfolio.assessment import Calendars, assess
from pi5.portfolio.bookkeeper import Bookkeeper
from pi5.portfolio.engine import PortfolioEngine

HEARTBEAT_S = 4.0
VERIFY_TIMEOUT_S = 60.0
MOST_POINTS, DEFAULT_POINTS = 5_000, 500
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class PortfolioServicer(portfolio_service_pb2_grpc.PortfolioServiceServicer):
    """Answers what is held and what it is worth."""

    def __init__(
        self, keeper: Bookkeeper, day_starts_at_utc_hour: int, calendars: Calendars
    ) -> None:
        self._keeper = keeper
        self._hour = day_starts_at_utc_hour
        self._calendars = calendars

    def _engine(self, account: str) -> PortfolioEngine:
        engine = self._keeper.engine
        if account not in {"", engine.books.account}:
            raise NotFound("UNKNOWN_ACCOUNT", f"there is no account {account}", field="account")
        return engine

    def _span(self, request: Any) -> tuple[datetime, datetime]:
        start = to_datetime(time_ns(request.start_time)) if time_ns(request.start_time) else None
        end = to_datetime(time_ns(request.end_time) or self._keeper.now_ns())
        begin = start or _BEGINNING
        if begin > end:
            raise InvalidInput("BAD_TIME_RANGE", "start_time is after end_time", field="start_time")
        return begin, end

    async def GetSummary(
        self, request: pb.GetSummaryRequest, _context: ServicerContext
    ) -> pb.GetSummaryResponse:
        """Return the account in short."""
        summary = self._engine(request.account).summary(self._keeper.now_ns())
        return pb.GetSummaryResponse(summary=convert.summary_to(summary))

    async def ListPositions(
        self, request: pb.ListPositionsRequest, _context: ServicerContext
    ) -> pb.ListPositionsResponse:
        """Return positions by symbol and strategy."""
        engine = self._engine(request.account)
        size = page_size(request.page_size)
        after = tuple(read_token(request.page_token, 2) or ("", ""))
        rows = [
            row
            for row in engine.positions(self._keeper.now_ns(), request.include_closed)
            if (row.symbol, row.strategy_id) > after
            and request.strategy_id in {"", row.strategy_id}
            and request.symbol in {"", row.symbol}
        ]
        page = rows[:size]
        last = [page[-1].symbol, page[-1].strategy_id] if len(rows) > size else None
        books = engine.books
        return pb.ListPositionsResponse(
            positions=[convert.position_to(books.account, books.currency, row) for row in page],
            next_page_token=write_token(last) if last else "",
        )

    async def GetPerformance(
        self, request: pb.GetPerformanceRequest, _context: ServicerContext
    ) -> pb.GetPerformanceResponse:
        """Return figures of performance."""
        engine = self._engine(request.account)
        start, end = self._span(request)
        every_day = await self._calendars.every_day({s for _, s in engine.books.holdings})
        with reached():
            performance = await assess(
                self._keeper.store, engine, start, end, self._hour, every_day=every_day
            )
        return pb.GetPerformanceResponse(performance=performance)

    async def ListEquity(
        self, request: pb.ListEquityRequest, _context: ServicerContext
    ) -> pb.ListEquityResponse:
        """Return the equity curve, thinned."""
        account = self._engine(request.account).books.account
        start, end = self._span(request)
        points = min(request.points or DEFAULT_POINTS, MOST_POINTS)
        with reached():
            rows = await self._keeper.store.equity(account, start, end, points)
        return pb.ListEquityResponse(points=[convert.equity_to(row) for row in rows])

    async def ListClosedTrades(
        self, request: pb.ListClosedTradesRequest, _context: ServicerContext
    ) -> pb.ListClosedTradesResponse:
        """Return the journal, newest first."""
        account = self._engine("").books.account
        size = page_size(request.page_size)
        token = read_token(request.page_token, 2)
        after = (to_datetime(token[0]), int(token[1])) if token else None
        with reached():
            rows = await self._keeper.store.trades(
                account, request.strategy_id, request.symbol, after, size + 1
            )
        page = rows[:size]
        more = len(rows) > size
        return pb.ListClosedTradesResponse(
            trades=[convert.trade_to(trade) for _, trade in page],
            next_page_token=(write_token([page[-1][1].closed_at_ns, page[-1][0]]) if more else ""),
        )

    async def ListAttribution(
        self, request: pb.ListAttributionRequest, _context: ServicerContext
    ) -> pb.ListAttributionResponse:
        """Return what each strategy, symbol or day made."""
        engine = self._engine(request.account)
        if request.key == pb.ATTRIBUTION_KEY_DAY:
            with reached():
                days = await self._keeper.store.days(engine.books.account)
            rows = engine.attribution_by_day(days)
        else:
            rows = engine.attribution(by_symbol=request.key == pb.ATTRIBUTION_KEY_SYMBOL)
        return pb.ListAttributionResponse(
            rows=[convert.attribution_to(row) for row in rows],
            total=convert.attribution_to(engine.total()),
        )

    async def StreamPortfolio(
        self, request: pb.StreamPortfolioRequest, context: ServicerContext
    ) -> AsyncIterator[pb.StreamPortfolioResponse]:
        """Yield the portfolio now and at each change, at most ten times a second."""
        if request.account:
            self._engine(request.account)
        snapshots, seen = self._keeper.snapshots, 0
        while not context.cancelled():
            if await snapshots.newer(seen, HEARTBEAT_S):
                seen = snapshots.version
                yield pb.StreamPortfolioResponse(snapshot=snapshots.value)
            else:
                heartbeat = stream_pb2.Heartbeat(
                    last_sequence=snapshots.version,
                    epoch=self._keeper.epoch,
                    server_time=timestamp(self._keeper.now_ns()),
                )
                yield pb.StreamPortfolioResponse(heartbeat=heartbeat)

    async def VerifyPortfolio(
        self, _request: pb.VerifyPortfolioRequest, context: ServicerContext
    ) -> pb.VerifyPortfolioResponse:
        """Build the books anew from the log; compare with the live and the stored ones."""
        with reached():
            live, saved = await self._keeper.books_and_saved()
        left = context.time_remaining()
        timeout = min(left - 0.5, VERIFY_TIMEOUT_S) if left else VERIFY_TIMEOUT_S
        rebuilt = await self._keeper.rebuild(live.sequence, live.initial_cash, timeout)
        differences = [f"log against live: {text}" for text in rebuilt.differences(live)]
        differences += [f"log against stored: {t}" for t in rebuilt.differences(saved.books)]
        return pb.VerifyPortfolioResponse(
            consistent=not differences, events=rebuilt.sequence, differences=differences
        )
