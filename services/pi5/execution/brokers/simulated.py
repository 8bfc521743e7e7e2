"""The paper broker: the simulated exchange, live, with books that survive everything.

It behaves as a venue that keeps its word: an answer or a report leaves only after it is in the
books, a client order id is remembered for ever, and it can be asked for anything later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from pi5.domain.broker import (
    BrokerAccount,
    BrokerExecution,
    BrokerLookUp,
    BrokerOrder,
    BrokerPromises,
    BrokerReport,
    Deduplication,
)
from pi5.domain.errors import InvalidInput
from pi5.domain.money import ZERO
from pi5.domain.order import OrderTerms, RiskApproved
from pi5.execution.brokers.exchange import SimulatedExchange, VenueOrder
from pi5.execution.brokers.router import ANY_VENUE
from pi5.execution.instruments import Instruments
from pi5.kit.clock import Clock
from pi5.kit.settings import SimulatedBrokerSettings
from pi5.kit.wire.market import MarketEvents

NAME = "simulated"
MAX_IN_FLIGHT_MS = 1_000
REPORTS_MOST = 10_000
JOBS_MOST = 1_000
BATCH_MOST = 100
_EXPIRY_INTERVAL_S = 1.0


class Books(Protocol):
    """Where the exchange's orders and executions are kept for ever."""

    async def save(
        self, orders: list[VenueOrder], executions: list[BrokerExecution], now_ns: int
    ) -> None:
        """Keep both in one transaction."""

    async def orders(self, client_order_ids: list[str]) -> dict[str, BrokerOrder]:
        """Return those of the orders that are known, working or closed."""

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


@dataclass(frozen=True, slots=True)
class _Job:
    """One thing to do with the books: place, cancel, or show the market to them."""

    place: OrderTerms | None = None
    cancel: str = ""
    market: MarketEvents | None = None
    answer: asyncio.Future[BrokerOrder | None] | None = None

    @property
    def client_order_id(self) -> str:
        """The order it is about; empty for the market."""
        return self.place.client_order_id if self.place else self.cancel


class SimulatedBroker:
    """One worker does everything with the books, in the order it came, a batch at a time.

    A batch is one question to the books (which of these ids are known?) and one write. When the
    write fails the worker ends with its fault, and the next session takes the books back as they
    are: nothing that was not written has been told to anybody.
    """

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
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue(JOBS_MOST)
        self._reports: asyncio.Queue[BrokerReport | None] = asyncio.Queue(REPORTS_MOST)

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
        terms = approved.order
        await asyncio.sleep(self._settings.latency_ms / 1_000)
        await self._learn(terms.symbol)
        order = await self._ask(_Job(place=terms, answer=_future()))
        assert order is not None, "placing gives an order"
        return order

    async def cancel(self, client_order_id: str) -> BrokerOrder | None:
        """Cancel a working order; a closed one is returned as it is."""
        return await self._ask(_Job(cancel=client_order_id, answer=_future()))

    async def _ask(self, job: _Job) -> BrokerOrder | None:
        assert job.answer is not None, "who asks waits for an answer"
        await self._jobs.put(job)
        return await asyncio.shield(job.answer)

    async def look_up(self, client_order_id: str) -> BrokerLookUp:
        """Return an order and its executions: the executions of the order as it stands, or more."""
        order = (await self._books.orders([client_order_id])).get(client_order_id)
        executions = await self._books.executions_of(client_order_id) if order else []
        return BrokerLookUp(order, tuple(executions))

    async def open_orders(self) -> list[BrokerOrder]:
        """Return the working orders."""
        return [order.seen() for order in await self._books.working()]

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
        """Show quotes and bars to the exchange; waits while it has too much to do."""
        for symbol in {q.symbol for q in events.quotes} | {b.symbol for b in events.bars}:
            await self._learn(symbol)
        await self._jobs.put(_Job(market=events))

    def market_lost(self) -> None:
        """Withdraw all quotes: without a feed nothing is filled."""
        self._exchange.market_lost()

    async def _learn(self, symbol: str) -> None:
        if not self._exchange.knows(symbol):
            try:
                self._exchange.on_instrument(await self._instruments.get(symbol))
            except InvalidInput:
                return  # data streams a symbol it does not list: nothing to trade there

    # ------------------------------------------------------------ the worker

    async def run(self) -> None:
        """Work on the books, for ever; ends with the fault when they cannot be written."""
        jobs: list[_Job] = []
        try:
            while True:
                jobs = await self._take()
                await self._work(jobs)
        finally:
            for job in jobs:
                if job.answer is not None and not job.answer.done():
                    job.answer.cancel()

    async def _take(self) -> list[_Job]:
        """Return what there is to do; nothing after a while, so that orders expire in time."""
        try:
            jobs = [await asyncio.wait_for(self._jobs.get(), _EXPIRY_INTERVAL_S)]
        except TimeoutError:
            return []
        while len(jobs) < BATCH_MOST and not self._jobs.empty():
            jobs.append(self._jobs.get_nowait())
        return jobs

    async def _work(self, jobs: list[_Job]) -> None:
        named = [job.client_order_id for job in jobs if job.client_order_id]
        known = await self._books.orders(named) if named else {}
        now_ns = self._clock.now_ns()
        reports = self._exchange.expire(now_ns)
        answers: list[tuple[_Job, BrokerOrder | None]] = []
        for job in jobs:
            made = self._do(job, known, now_ns)
            reports += made
            answer = made[0].order if made else known.get(job.client_order_id)
            if made:  # the next job of this batch must see it
                known[job.client_order_id] = made[-1].order
            answers.append((job, answer))
        await self._keep(reports, now_ns)
        for job, answer in answers:
            if job.answer is not None and not job.answer.done():
                job.answer.set_result(answer)
        for report in reports:
            await self._reports.put(report)

    def _do(self, job: _Job, known: dict[str, BrokerOrder], now_ns: int) -> list[BrokerReport]:
        if job.place is not None:
            if job.client_order_id in known:
                return []
            return self._exchange.place(job.place, now_ns)
        if job.market is None:
            return self._exchange.cancel(job.cancel)
        reports: list[BrokerReport] = []
        for quote in job.market.quotes:
            reports += self._exchange.on_quote(quote, now_ns)
        for bar in job.market.bars:
            reports += self._exchange.on_bar(bar, now_ns)
        return reports

    async def _keep(self, reports: list[BrokerReport], now_ns: int) -> None:
        """Write what happened into the books; only after it anybody is told."""
        if not reports:
            return
        executions = [report.execution for report in reports if report.execution is not None]
        await self._books.save(self._exchange.take_changed(), executions, now_ns)
        for execution in executions:
            held = self._positions.get(execution.symbol, ZERO)
            self._positions[execution.symbol] = held + execution.side.sign * execution.qty


def _future() -> asyncio.Future[BrokerOrder | None]:
    return asyncio.get_running_loop().create_future()
