"""Keeps the books: follows the order log and the market, makes effects durable, publishes them.

A batch of events is applied to a copy of the books, stored in one transaction with the cursor, and
only then becomes what everybody sees. When anything fails in between, the books are read back from
the database and the log is followed from their cursor: recovery and start are the same path.
"""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from typing import Any

import grpc

from pi5.api.common.v1 import stream_pb2
from pi5.api.data.v1 import data_service_pb2, data_service_pb2_grpc
from pi5.api.execution.v1 import execution_service_pb2, execution_service_pb2_grpc
from pi5.api.portfolio.v1 import portfolio_service_pb2
from pi5.domain.errors import Fault, Unavailable
from pi5.domain.event import OrderEvent
from pi5.domain.mark import offers
from pi5.domain.order import DEFAULT_ACCOUNT
from pi5.kit.client import Peer, follow
from pi5.kit.clock import new_id
from pi5.kit.database import LOST
from pi5.kit.latest import Latest
from pi5.kit.lifecycle import Context
from pi5.kit.server import GrpcServer
from pi5.kit.wire.market import events_from
from pi5.kit.wire.orders import event_from
from pi5.portfolio import metrics
from pi5.portfolio.books import Books
from pi5.portfolio.convert import snapshot_to
from pi5.portfolio.engine import DayStart, PortfolioEngine
from pi5.portfolio.store import Saved, Store

LEAST_INTERVAL_S = 0.1  # between two snapshots
SIGN_OF_LIFE_S = 2.0  # a snapshot at least this often, so that its time tells it is alive
MARKS_INTERVAL_MS = 50
_FIRST_RETRY_S, _LAST_RETRY_S = 0.1, 5.0
_CLOCK_S = 1.0


class Bookkeeper:
    """The live portfolio of the default account."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings
        self._engine: PortfolioEngine | None = None
        self._store: Store | None = None
        self._execution: Peer = context.peer("execution")
        self._data: Peer = context.peer("data")
        self._writing = asyncio.Lock()
        self._dirty = asyncio.Event()
        self._server: GrpcServer | None = None
        self._ready = False
        self._log_end = 0
        self._database_answers = True
        self._unsaved_days: list[DayStart] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self.epoch = new_id()
        self.snapshots: Latest[portfolio_service_pb2.PortfolioSnapshot] = Latest()

    def start(self, server: GrpcServer) -> None:
        """Begin the work in the background."""
        self._server = server
        for work in (self._keep, self._follow_marks, self._publish, self._keep_time):
            self._tasks.append(self._context.spawn(work(), f"portfolio{work.__name__}"))

    async def stop(self) -> None:
        """End the work; what is under way in the database is rolled back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def engine(self) -> PortfolioEngine:
        """The engine, once the books are loaded.

        Raises:
            Unavailable: PORTFOLIO_LOADING.
        """
        if self._engine is None:
            raise Unavailable(
                "PORTFOLIO_LOADING", "the portfolio is being loaded; try again", retry_after_s=1.0
            )
        return self._engine

    @property
    def store(self) -> Store:
        """The store, once the database was reached.

        Raises:
            Unavailable: PORTFOLIO_LOADING.
        """
        if self._store is None:
            raise Unavailable(
                "PORTFOLIO_LOADING", "the database was not reached yet", retry_after_s=1.0
            )
        return self._store

    def now_ns(self) -> int:
        """The wall clock."""
        return self._context.clock.now_ns()

    # ------------------------------------------------------------ books

    async def _keep(self) -> None:
        """Load and follow for ever; whatever breaks leads back here."""
        delay = _FIRST_RETRY_S
        while True:
            try:
                await self._load()
                delay = _FIRST_RETRY_S
                await self._follow_log()
            except (*LOST, Fault, grpc.aio.AioRpcError) as error:
                await self._set_ready(False)
                code = error.code if isinstance(error, Fault) else type(error).__name__
                self._context.log.warning(
                    "the books wait", code=str(code), reason=str(error) or type(error).__name__
                )
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LAST_RETRY_S)

    async def _load(self) -> None:
        """Read the books from the database; marks that are known stay."""
        if self._store is None:
            self._store = Store(await self._context.pool())
        settings = self._settings.portfolio
        await self._store.open_account(
            DEFAULT_ACCOUNT, self._settings.system.currency, settings.initial_cash
        )
        saved = await self._store.load(DEFAULT_ACCOUNT)
        if self._engine is None:
            self._engine = self._new_engine(saved)
        else:
            self._engine.adopt(saved.books)
        self._begin_day(self.now_ns())
        await self._save_days()
        self._dirty.set()

    def _new_engine(self, saved: Saved) -> PortfolioEngine:
        engine = PortfolioEngine(
            saved.books.account,
            saved.books.currency,
            saved.books.initial_cash,
            self._settings.portfolio.day_starts_at_utc_hour,
            self._settings.data.stale_after_ms,
            saved.books,
            saved.high_equity,
        )
        for symbol, mark in saved.marks.items():
            engine.on_mark(symbol, mark.price, mark.time_ns, mark.source)
        if saved.day is not None:
            engine.resume_day(saved.day)
        return engine

    def _begin_day(self, now_ns: int) -> None:
        """Begin a new day in memory, so figures of a moment always belong to its day."""
        day = self.engine.start_day(now_ns)
        if day is not None:
            self._unsaved_days.append(day)

    async def _save_days(self) -> None:
        while self._unsaved_days:
            await self.store.save_day(self.engine.books.account, self._unsaved_days[0])
            self._unsaved_days.pop(0)
            await self.store.thin_equity(self.engine.books.account, self.now_ns())

    async def _follow_log(self) -> None:
        stub = execution_service_pb2_grpc.ExecutionServiceStub(self._execution.channel)

        def open_stream() -> Any:
            resume = stream_pb2.Resume(after_sequence=self.engine.books.sequence)
            request = execution_service_pb2.StreamOrderEventsRequest(resume=resume)
            return stub.StreamOrderEvents(request, metadata=self._execution.metadata())

        messages = follow(open_stream, self._context.log, "order-events")
        async with contextlib.aclosing(messages):  # type: ignore[type-var]
            async for message in messages:
                if message.WhichOneof("event") == "batch":
                    await self._apply([event_from(event) for event in message.batch.events])
                else:
                    self._log_end = max(self._log_end, message.heartbeat.last_sequence)
                if self.engine.books.sequence >= self._log_end:
                    await self._set_ready(self._database_answers)

    async def _apply(self, events: list[OrderEvent]) -> None:
        """Apply a batch: to a copy, to the database, and then to what everybody sees."""
        async with self._writing:
            books = self.engine.books
            ids = [event.fill.execution_id for event in events if event.fill]
            books.remember(await self.store.applied(books.account, ids))
            staged = books.staged()
            changes = [change for event in events if (change := staged.apply(event))]
            if not changes:
                return
            self._begin_day(self.now_ns())
            await self.store.save_batch(books.sequence, staged, changes)
            self.engine.adopt(staged)
        for change in changes:
            if change.fill:
                metrics.FILLS.labels(change.fill.side.name.lower()).inc()
        metrics.APPLIED_SEQUENCE.set(staged.sequence)
        self._dirty.set()

    async def books_and_saved(self) -> tuple[Books, Saved]:
        """Return the live books and the stored ones at the same event."""
        async with self._writing:
            return self.engine.books.staged(), await self.store.load(self.engine.books.account)

    async def rebuild(self, until: int, initial_cash: Decimal, timeout_s: float) -> Books:
        """Build the books anew from the whole order log up to a sequence.

        Raises:
            Unavailable: LOG_UNREADABLE, when the log did not reach `until` in time.
        """
        live = self.engine.books
        books = Books(live.account, live.currency, initial_cash)
        if not until:
            return books
        stub = execution_service_pb2_grpc.ExecutionServiceStub(self._execution.channel)
        request = execution_service_pb2.StreamOrderEventsRequest(resume=stream_pb2.Resume())
        call = stub.StreamOrderEvents(
            request, metadata=self._execution.metadata(), timeout=timeout_s
        )
        try:
            async for message in call:
                for event in message.batch.events:
                    if books.sequence < until:
                        books.apply(event_from(event))
                if books.sequence >= until:
                    return books
        finally:
            call.cancel()
        raise Unavailable(
            "LOG_UNREADABLE", f"the order log ended at {books.sequence}, before {until}"
        )

    # ------------------------------------------------------------ marks, publishing, time

    async def _follow_marks(self) -> None:
        stub = data_service_pb2_grpc.MarketDataServiceStub(self._data.channel)
        request = data_service_pb2.StreamMarketDataRequest(
            quotes=True, trades=True, bars=True, min_interval_ms=MARKS_INTERVAL_MS
        )

        def open_stream() -> Any:
            return stub.StreamMarketData(request, metadata=self._data.metadata())

        async for message in follow(open_stream, self._context.log, "market-data"):
            if message.WhichOneof("event") != "batch" or self._engine is None:
                continue
            events = events_from(message.batch)
            for offer in offers(events.quotes, events.trades, events.bars, self.now_ns()):
                if self._engine.on_mark(offer.symbol, offer.price, offer.time_ns, offer.source):
                    self._dirty.set()

    async def _publish(self) -> None:
        """Publish a snapshot at each change, at most ten a second, and as a sign of life."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._dirty.wait(), SIGN_OF_LIFE_S)
            self._dirty.clear()
            if self._engine is not None:
                now = self.now_ns()
                self._begin_day(now)
                summary = self._engine.summary(now)
                sequence = self.snapshots.version + 1
                self.snapshots.set(snapshot_to(summary, self._engine.positions(now), sequence))
                value = summary.long_value - summary.short_value
                metrics.POSITIONS_VALUE.labels(summary.account).set(float(value))
                metrics.EQUITY.labels(summary.account).set(float(summary.equity))
                metrics.DRAWDOWN.labels(summary.account).set(float(summary.drawdown_share))
            await asyncio.sleep(LEAST_INTERVAL_S)

    async def _keep_time(self) -> None:
        """Begin days, and store the equity curve; a database that is away only costs points."""
        saved_ns = 0
        interval_ns = int(self._settings.portfolio.equity_interval_s * 1e9)
        while True:
            await asyncio.sleep(min(_CLOCK_S, self._settings.portfolio.equity_interval_s))
            if self._engine is None or self._store is None:
                continue
            now = self._context.clock.monotonic_ns()
            try:
                self._begin_day(self.now_ns())
                async with self._writing:
                    await self._save_days()
                if now - saved_ns >= interval_ns:
                    saved_ns = now
                    summary = self._engine.summary(self.now_ns())
                    await self._store.save_equity(
                        summary, self._engine.high_equity, self._engine.marks
                    )
                self._database_answers = True
            except LOST as error:
                self._database_answers = False
                await self._set_ready(False)
                self._context.log.warning(
                    "the database is away", reason=str(error) or type(error).__name__
                )

    async def _set_ready(self, ready: bool) -> None:
        if self._server is not None and ready != self._ready:
            self._ready = ready
            await self._server.set_ready(ready)
            self._context.log.info("readiness changed", ready=ready)
