"""Compares our records with a broker's, at start and every so often. The broker's stand.

A comparison that fails proves nothing: a broker that cannot be asked is not flat, and before the
first comparison with a broker has succeeded nothing new is sent to it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pi5.domain.broker import BrokerOrder, BrokerReport, Discrepancy
from pi5.domain.errors import NotFound, Precondition, Unavailable
from pi5.domain.money import ZERO, wire
from pi5.domain.order import OrderStatus
from pi5.execution import metrics, store
from pi5.execution.courier import Courier, Line
from pi5.execution.engine import ExecutionEngine
from pi5.kit.clock import Clock, new_id
from pi5.kit.database import Pool
from pi5.kit.log import Logger

# Executions are asked for again from a little before the last comparison: clocks differ.
_OVERLAP_NS = 60_000_000_000
_RETRY_S = 1.0
_SEEN_MOST = 10_000


@dataclass(slots=True)
class Outcome:
    """What a comparison found."""

    orders_compared: int = 0
    orders_settled: int = 0
    discrepancies: list[Discrepancy] = field(default_factory=list)


class Reconciler:
    """Compares with all brokers; one comparison with a broker at a time."""

    def __init__(
        self,
        engine: ExecutionEngine,
        courier: Courier,
        lines: dict[str, Line],
        pool: Pool[Any],
        clock: Clock,
        logger: Logger,
        live_allowed: bool,
    ) -> None:
        self._engine = engine
        self._courier = courier
        self._lines = lines
        self._pool = pool
        self._clock = clock
        self._logger = logger
        self._live_allowed = live_allowed
        self._locks = {name: asyncio.Lock() for name in lines}
        self._seen: set[tuple[str, str, str, str, str]] = set()
        self._suspected: dict[str, dict[str, tuple[Decimal, Decimal]]] = {}

    @property
    def complete(self) -> bool:
        """True when every broker was compared with at least once."""
        return all(line.reconciled_at_ns for line in self._lines.values())

    async def run(self, line: Line, interval_s: float) -> None:
        """Compare at start, after each break of the reports, and every `interval_s`, for ever."""
        while True:
            delay_s = interval_s
            line.wants_reconcile.clear()
            try:
                await self.reconcile(line)
            except (Unavailable, Precondition) as fault:
                self._logger.warning(
                    "not reconciled", broker=line.broker.name, code=fault.code, why=fault.message
                )
                delay_s = min(_RETRY_S, interval_s)
            try:
                await asyncio.wait_for(line.wants_reconcile.wait(), delay_s)
            except TimeoutError:
                continue

    async def reconcile(self, line: Line) -> Outcome:
        """Compare with one broker now.

        Raises:
            Unavailable: BROKER_UNAVAILABLE or BREAKER_OPEN; nothing was concluded.
            Precondition: LIVE_NOT_ENABLED.
        """
        async with self._locks[line.broker.name]:
            line.breaker.admit()
            try:
                outcome = await self._compare(line)
            except Precondition:
                line.breaker.succeeded()
                raise
            except Exception as error:
                line.silent()
                raise Unavailable(
                    "BROKER_UNAVAILABLE",
                    f"{line.broker.name} could not be asked ({type(error).__name__})",
                    retry_after_s=_RETRY_S,
                ) from error
            line.answered()
            line.reconciled_at_ns = self._clock.now_ns()
        return outcome

    async def _compare(self, line: Line) -> Outcome:
        line.promises = await line.broker.describe()
        if line.promises.live and not self._live_allowed:
            raise Precondition(
                "LIVE_NOT_ENABLED",
                f"{line.broker.name} trades real money; set system.environment to live for that",
            )
        since_ns = (line.reconciled_at_ns or await store.last_change_ns(self._pool)) - _OVERLAP_NS
        asked_at_ns = self._clock.now_ns()
        executions = await line.broker.executions(max(0, since_ns))
        working = await line.broker.open_orders()
        for execution in executions:
            await self._courier.take_execution(line, execution)
        outcome = Outcome()
        for order in working:
            await self._take_working(line, order, asked_at_ns, outcome)
        await self._ask_for_missing(line, {o.client_order_id for o in working}, outcome)
        await self._compare_positions(line, outcome)
        await self._keep(outcome.discrepancies)
        return outcome

    async def _take_working(
        self, line: Line, order: BrokerOrder, asked_at_ns: int, outcome: Outcome
    ) -> None:
        """An order that works at the broker: take its news; one that ended here must go there."""
        outcome.orders_compared += 1
        await self._courier.take_report(line, BrokerReport(order))
        entry = self._engine.by_client_id(order.client_order_id)
        if entry is None or entry.order.broker != line.broker.name:
            return
        ours = entry.order
        if ours.status.final and ours.updated_at_ns < asked_at_ns:
            outcome.discrepancies += self._differs(
                line, "OPEN_AT_VENUE", ours.status.name.lower(), order.status.name.lower(),
                order_id=ours.id, symbol=order.symbol, resolution="its cancel was asked for",
            )  # fmt: skip
            await line.broker.cancel(order.client_order_id)
        elif order.filled_qty < ours.filled_qty and ours.updated_at_ns < asked_at_ns:
            outcome.discrepancies += self._differs(
                line, "QTY_DIFFERS", wire(ours.filled_qty), wire(order.filled_qty),
                order_id=ours.id, symbol=order.symbol, resolution="left to a person",
            )  # fmt: skip

    async def _ask_for_missing(self, line: Line, working: set[str], outcome: Outcome) -> None:
        """Ask for each order that works here and was not among the broker's working ones."""
        mine = [
            entry
            for entry in self._engine.open_entries()
            if entry.order.broker == line.broker.name
            and entry.order.terms.client_order_id not in working
        ]
        for entry in mine:
            outcome.orders_compared += 1
            unknown = entry.order.status is OrderStatus.UNKNOWN
            await self._courier.look_up(entry.order.id)
            outcome.orders_settled += unknown and entry.order.status is not OrderStatus.UNKNOWN

    async def _compare_positions(self, line: Line, outcome: Outcome) -> None:
        """A difference counts when it is the same twice in a row: fills may be on their way."""
        theirs = (await line.broker.account()).positions
        ours = await store.positions_at(self._pool, line.broker.name)
        found = {
            symbol: (ours.get(symbol, ZERO), theirs.get(symbol, ZERO))
            for symbol in {*ours, *theirs}
            if ours.get(symbol, ZERO) != theirs.get(symbol, ZERO)
        }
        suspected = self._suspected.get(line.broker.name, {})
        self._suspected[line.broker.name] = found
        for symbol, (held, reported) in found.items():
            if suspected.get(symbol) == (held, reported):
                outcome.discrepancies += self._differs(
                    line, "POSITION_DIFFERS", wire(held), wire(reported), symbol=symbol,
                    resolution="left to a person",
                )  # fmt: skip

    def _differs(
        self,
        line: Line,
        code: str,
        ours: str,
        theirs: str,
        *,
        order_id: str = "",
        symbol: str = "",
        resolution: str,
    ) -> list[Discrepancy]:
        """Return a difference, unless the very same was found before."""
        key = (line.broker.name, code, order_id or symbol, ours, theirs)
        if key in self._seen or len(self._seen) >= _SEEN_MOST:
            return []
        self._seen.add(key)
        metrics.DISCREPANCIES.labels(code).inc()
        return [
            Discrepancy(
                id=new_id(),
                broker=line.broker.name,
                code=code,
                ours=ours,
                theirs=theirs,
                found_at_ns=self._clock.now_ns(),
                order_id=order_id,
                symbol=symbol,
                resolution=resolution,
            )
        ]

    async def _keep(self, found: list[Discrepancy]) -> None:
        if found:
            await store.add_discrepancies(self._pool, found)

    def line(self, name: str) -> Line:
        """Return a broker's line.

        Raises:
            NotFound: UNKNOWN_BROKER.
        """
        if name not in self._lines:
            raise NotFound("UNKNOWN_BROKER", f"there is no broker {name}")
        return self._lines[name]
