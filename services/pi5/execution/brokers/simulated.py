"""The paper broker: the simulated exchange, live, with books that survive everything.

It behaves as a venue that keeps its word: an answer or a report leaves only after it is in the
books, a client order id is remembered for ever, and it can be asked for anything later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from pi5.domain.broker import (
    BrokerAccount,
    BrokerExecution,
    BrokerLookUp,
    BrokerOrder,
    BrokerPromises,
    BrokerReport,
    Deduplication,
)
from pi5.domain.errors import InvalidInput, Unavailable
from pi5.domain.market import Bar, Quote
from pi5.domain.money import ZERO
from pi5.domain.order import OrderTerms, RiskApproved, Side
from pi5.execution.brokers.exchange import SimulatedExchange, VenueOrder
from pi5.execution.brokers.router import ANY_VENUE
from pi5.execution.instruments import Instruments
from pi5.kit.clock import Clock
from pi5.kit.settings import SimulatedBrokerSettings
from pi5.kit.wire.market import MarketEvents

T = TypeVar("T")
NAME = "simulated"
MAX_IN_FLIGHT_MS = 1_000
REPORTS_MOST = 10_000
_EXPIRY_INTERVAL_S = 1.0


class Books(Protocol):
    """Where the exchange's orders and executions are kept for ever."""

    async def save(
        self, orders: list[VenueOrder], executions: list[BrokerExecution], now_ns: int
    ) -> None:
        """Keep both in one transaction."""

    async def order(self, client_order_id: str) -> BrokerOrder | None:
        """Return an order, working or closed."""

    async def working(self) -> list[VenueOrder]:
        """Return the working orders."""

    async def next_number(self) -> int:
        """Return a number above those of all orders there ever were."""

    async def executions_of(self, client_order_id: str) -> list[BrokerExecution]:
        """Return the executions of one order."""

    async def executions_since(self, since_ns: int) -> list[BrokerExecution]:
        """Return the executions at or after a time."""

    async def positions(self) -> dict[str, Decimal]:
        """Return the quantity held by symbol."""


class SimulatedBroker:
    """One at a time works on the books, so answers and reports leave in the order they happened."""

    name = NAME

    def __init__(
        self,
        settings: SimulatedBrokerSettings,
        books: Books,
        instruments: Instruments,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._books = books
        self._instruments = instruments
        self._clock = clock
        self._exchange = SimulatedExchange(settings.fee_rate, settings.min_fee)
        self._positions: dict[str, Decimal] = {}
        self._working = asyncio.Lock()
        self._reports: asyncio.Queue[BrokerReport | None] = asyncio.Queue(REPORTS_MOST)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failure: BaseException | None = None

    async def restore(self) -> None:
        """Take the books back; before anything else."""
        number = await self._books.next_number()
        settings = self._settings
        self._exchange = SimulatedExchange(settings.fee_rate, settings.min_fee, number)
        for instrument in self._instruments.all():
            self._exchange.on_instrument(instrument)
        self._exchange.restore(await self._books.working())
        self._positions = await self._books.positions()

    async def describe(self) -> BrokerPromises:
        """Return what it promises."""
        return BrokerPromises(
            name=NAME,
            live=False,
            deduplication=Deduplication.FOREVER,
            lookup_by_client_id=True,
            max_in_flight_ms=MAX_IN_FLIGHT_MS + self._settings.latency_ms,
            venues=(ANY_VENUE,),
        )

    async def place(self, approved: RiskApproved[OrderTerms]) -> BrokerOrder:
        """Place an order; an id that was seen before returns the order it belongs to."""
        await asyncio.sleep(self._settings.latency_ms / 1_000)
        return await self._whole(self._place(approved.order))

    async def _place(self, terms: OrderTerms) -> BrokerOrder:
        async with self._working:
            known = await self._books.order(terms.client_order_id)
            if known is not None:
                return known
            instrument = await self._instruments.get(terms.symbol)
            self._exchange.on_instrument(instrument)
            reports = self._exchange.place(terms, self._clock.now_ns())
            await self._keep(reports)
        return reports[0].order

    async def cancel(self, client_order_id: str) -> BrokerOrder | None:
        """Cancel a working order; a closed one is returned as it is."""
        return await self._whole(self._cancel(client_order_id))

    async def _cancel(self, client_order_id: str) -> BrokerOrder | None:
        async with self._working:
            if self._exchange.order(client_order_id) is None:
                return await self._books.order(client_order_id)
            reports = self._exchange.cancel(client_order_id)
            await self._keep(reports)
        return reports[-1].order

    async def look_up(self, client_order_id: str) -> BrokerLookUp:
        """Return an order and its executions."""
        async with self._working:
            order = await self._books.order(client_order_id)
            executions = await self._books.executions_of(client_order_id) if order else []
        return BrokerLookUp(order, tuple(executions))

    async def open_orders(self) -> list[BrokerOrder]:
        """Return the working orders."""
        return [order.seen() for order in self._exchange.open_orders()]

    async def executions(self, since_ns: int) -> list[BrokerExecution]:
        """Return the executions at or after a time, oldest first."""
        return await self._books.executions_since(since_ns)

    async def account(self) -> BrokerAccount:
        """Return positions; the paper exchange keeps no cash, portfolio does."""
        return BrokerAccount(positions={s: q for s, q in self._positions.items() if q})

    async def reports(self) -> AsyncIterator[BrokerReport | None]:
        """Yield reports as they happen."""
        while True:
            yield await self._reports.get()

    async def close(self) -> None:
        """There is no connection to let go of."""

    # ------------------------------------------------------------ the market

    async def on_market(self, events: MarketEvents) -> None:
        """Show quotes and bars to the exchange, and keep and report what they fill."""
        async with self._working:
            now_ns = self._clock.now_ns()
            reports: list[BrokerReport] = []
            news: list[Quote | Bar] = [*events.quotes, *events.bars]
            for event in news:
                await self._learn(event.symbol)
                if isinstance(event, Quote):
                    reports += self._exchange.on_quote(event, now_ns)
                else:
                    reports += self._exchange.on_bar(event, now_ns)
            await self._keep(reports)

    async def run_expiry(self) -> None:
        """End orders whose time is over, for ever."""
        while True:
            await asyncio.sleep(_EXPIRY_INTERVAL_S)
            self._check()
            async with self._working:
                await self._keep(self._exchange.expire(self._clock.now_ns()))

    def _check(self) -> None:
        """Stop for good once the books could not be written: memory is ahead of them then."""
        if self._failure is not None:
            raise Unavailable("VENUE_BOOKS_LOST", "the paper exchange could not write its books")

    def market_lost(self) -> None:
        """Withdraw all quotes: without a feed nothing is filled."""
        self._exchange.market_lost()

    async def _learn(self, symbol: str) -> None:
        if not self._exchange.knows(symbol):
            try:
                self._exchange.on_instrument(await self._instruments.get(symbol))
            except InvalidInput:
                return  # data streams a symbol it does not list: nothing to trade there

    # ------------------------------------------------------------ the books

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something to its end even when nobody waits for the answer any more."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def _keep(self, reports: list[BrokerReport]) -> None:
        """Write what happened into the books, and only then report it."""
        if not reports:
            return
        executions = [report.execution for report in reports if report.execution is not None]
        self._check()
        try:
            await self._books.save(self._exchange.take_changed(), executions, self._clock.now_ns())
        except BaseException as error:
            self._failure = error
            raise
        for execution in executions:
            sign = 1 if execution.side is Side.BUY else -1
            held = self._positions.get(execution.symbol, ZERO)
            self._positions[execution.symbol] = held + sign * execution.qty
        for report in reports:
            await self._reports.put(report)
