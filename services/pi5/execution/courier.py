"""Carries between the engine and the brokers: sends, cancels and look-ups out, reports back in.

Whatever the engine wants is committed first. The last gate stands here, right before a broker is
called: an approval that is out of date, a halt, or a trading mode nobody knows holds an order back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import grpc

from pi5.domain.broker import (
    BrokerExecution,
    BrokerLookUp,
    BrokerOrder,
    BrokerPromises,
    BrokerReport,
    Discrepancy,
)
from pi5.domain.decision import TradingMode
from pi5.domain.errors import Fault, NotFound, Unavailable
from pi5.domain.money import ZERO
from pi5.domain.order import OrderStatus, OrderTerms, RiskApproved
from pi5.execution import metrics, store
from pi5.execution.brokers.base import Broker
from pi5.execution.effects import Effects
from pi5.execution.engine import ExecutionEngine
from pi5.execution.eventlog import EventLog
from pi5.execution.memory import Entry
from pi5.execution.risk_link import RiskLink
from pi5.kit import failpoints
from pi5.kit.breaker import Breaker
from pi5.kit.clock import Clock, new_id
from pi5.kit.database import Pool
from pi5.kit.log import Logger

SENDS_MOST = 500
AT_ONCE_MOST = 32
_FIRST_DELAY_S, _LAST_DELAY_S = 0.25, 5.0
_STRANGERS_MOST = 10_000
Spawn = Callable[[Coroutine[Any, Any, None]], Any]


@dataclass(slots=True)
class Line:
    """A broker and how it is: what it promises, its breaker, when it was last compared with."""

    broker: Broker
    breaker: Breaker
    promises: BrokerPromises | None = None
    connected: bool = False
    reconciled_at_ns: int = 0
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE_MOST))
    wants_reconcile: asyncio.Event = field(default_factory=asyncio.Event)

    def answered(self) -> None:
        """Note that a call was answered."""
        self.connected = True
        self.breaker.succeeded()

    def silent(self) -> None:
        """Note that a call was not answered."""
        self.connected = False
        self.breaker.failed()


@dataclass(slots=True)
class _Try:
    """When an unsettled order is asked about again."""

    at_ns: int
    delay_s: float = _FIRST_DELAY_S


class Courier:
    """Acts on effects, for all brokers."""

    def __init__(
        self,
        engine: ExecutionEngine,
        log: EventLog,
        lines: dict[str, Line],
        risk: RiskLink,
        pool: Pool[Any],
        clock: Clock,
        logger: Logger,
        broker_timeout_s: float,
        spawn: Spawn,
    ) -> None:
        self._engine = engine
        self._log = log
        self._lines = lines
        self._risk = risk
        self._pool = pool
        self._clock = clock
        self._logger = logger
        self._timeout_s = broker_timeout_s
        self._spawn = spawn
        self._approved: dict[str, tuple[RiskApproved[OrderTerms], int]] = {}
        self._placing: set[str] = set()
        self._tries: dict[str, _Try] = {}
        self._strangers: set[tuple[str, str]] = set()

    @property
    def sends_waiting(self) -> int:
        """Number of approved orders that have not left yet."""
        return len(self._approved)

    async def open(
        self, approved: RiskApproved[OrderTerms], effects: Effects, arrived_ns: int
    ) -> None:
        """Commit a new order and then send it; returns after the commit.

        Raises:
            Unavailable: DATABASE_LOST; whether the order exists shows under its client id.
        """
        for order_id in effects.sends:
            self._approved[order_id] = (approved, arrived_ns)
        try:
            await self.apply(effects)
        except Unavailable:
            for order_id in effects.sends:
                del self._approved[order_id]
            raise
        seconds = (self._clock.monotonic_ns() - arrived_ns) / 1e9
        metrics.ORDER_LATENCY.labels("commit").observe(seconds)

    async def apply(self, effects: Effects) -> None:
        """Commit effects and then act on them."""
        await self._log.commit(effects)
        self._act(effects)

    async def _queue(self, effects: Effects) -> None:
        """Hand effects to the log, to be acted on once committed; waits for room only."""
        done = await self._log.append(effects)

        def committed(future: asyncio.Future[None]) -> None:
            if not future.cancelled() and future.exception() is None:
                self._act(effects)

        done.add_done_callback(committed)

    def _act(self, effects: Effects) -> None:
        metrics.count(effects)
        for order_id in effects.sends:
            self._spawn(self._send(order_id))
        for order_id in effects.cancels:
            self._spawn(self._cancel(order_id))
        for order_id in effects.look_ups:
            self._spawn(self.look_up(order_id))
        if effects.discrepancies:
            self._spawn(store.add_discrepancies(self._pool, effects.discrepancies))
        if effects.halt:
            self._logger.error("asking risk to halt", reason=effects.halt)
            self._spawn(self._risk.halt(effects.halt))

    # ------------------------------------------------------------ out

    async def _send(self, order_id: str) -> None:
        failpoints.hit("after_commit_before_send")
        entry = self._entry(order_id)
        line = self._lines[entry.order.broker]
        async with line.slots:
            approved, arrived_ns = self._approved.pop(order_id)
            held_back = self._held_back(entry, approved, line)
            if held_back is not None:
                now_ns = self._clock.now_ns()
                await self.apply(self._engine.not_sent(order_id, *held_back, now_ns))
                return
            self._placing.add(order_id)
            try:
                await self._place(entry, line, approved, arrived_ns)
            finally:
                self._placing.discard(order_id)

    def _held_back(
        self, entry: Entry, approved: RiskApproved[OrderTerms], line: Line
    ) -> tuple[str, str] | None:
        """The last gate. Return code and reason when the order must not leave."""
        mode = self._risk.mode
        if mode is None:
            return "RISK_STATE_UNKNOWN", "risk's state is not known, so nothing is sent"
        if mode is TradingMode.HALTED:
            return "HALTED", "trading was halted before the order left"
        if self._clock.now_ns() > approved.valid_until_ns:
            return "APPROVAL_EXPIRED", "risk's approval was out of date before the order left"
        if entry.order.status is not OrderStatus.PENDING_NEW:
            return "CANCELED_BEFORE_SEND", "it was canceled before it left"
        try:
            line.breaker.admit()
        except Unavailable as fault:
            return fault.code, fault.message
        return None

    async def _place(
        self, entry: Entry, line: Line, approved: RiskApproved[OrderTerms], arrived_ns: int
    ) -> None:
        order_id = entry.order.id
        self._engine.sent(order_id, self._clock.now_ns())
        self._observe("send", arrived_ns)
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await line.broker.place(approved)
            _check_answer(answer, approved.order)
        except Exception as error:  # noqa: BLE001 - whatever happened, its fate is unknown
            line.silent()
            self._logger.warning(
                "no answer from the broker", broker=line.broker.name, order_id=order_id,
                error=_text(error),
            )  # fmt: skip
            await self.apply(self._engine.on_no_answer(order_id, self._clock.now_ns()))
            return
        line.answered()
        self._observe("answer", arrived_ns)
        failpoints.hit("after_ack_before_commit")
        await self.take_report(line, BrokerReport(answer))

    def cancel_now(self, order_id: str, cause: str) -> Effects:
        """Ask the broker for a cancel at once, before it is committed: it only lowers risk."""
        effects = self._engine.request_cancel(order_id, self._clock.now_ns(), cause)
        effects.cancels.clear()
        self._spawn(self._cancel(order_id))
        return effects

    async def _cancel(self, order_id: str) -> None:
        entry = self._entry(order_id)
        line = self._lines.get(entry.order.broker)
        if line is None:
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await line.broker.cancel(entry.order.terms.client_order_id)
        except Exception as error:  # noqa: BLE001 - the settling loop asks again
            line.silent()
            self._logger.warning("a cancel was not answered", order_id=order_id, error=_text(error))
            return
        line.answered()
        if answer is None:
            await self.look_up(order_id)
        else:
            await self.take_report(line, BrokerReport(answer))

    async def look_up(self, order_id: str) -> None:
        """Ask a broker what became of an order, and settle it when that is evidence."""
        entry = self._entry(order_id)
        line = self._lines.get(entry.order.broker)
        if line is None or line.promises is None:
            return
        asked_at_ns = self._clock.now_ns()
        client_order_id = entry.order.terms.client_order_id
        try:
            line.breaker.admit()
            async with asyncio.timeout(self._timeout_s):
                if line.promises.lookup_by_client_id:
                    answer = await line.broker.look_up(client_order_id)
                else:
                    answer = await _search(line.broker, entry)
        except Unavailable:
            return
        except Exception as error:  # noqa: BLE001 - a failed question proves nothing
            line.silent()
            self._logger.info("a look-up was not answered", order_id=order_id, error=_text(error))
            return
        line.answered()
        if answer.order is not None:
            await self._queue(self._engine.on_look_up(answer, self._clock.now_ns()))
        elif self._proves_absence(entry, line.promises, asked_at_ns):
            await self._queue(self._engine.settle_absent(order_id, self._clock.now_ns()))

    def _proves_absence(self, entry: Entry, promises: BrokerPromises, asked_at_ns: int) -> bool:
        """Tell whether "not found" means that the order can never appear any more."""
        order = entry.order
        last_sent_ns = max(order.submitted_at_ns, order.updated_at_ns)
        waited_ns = asked_at_ns - last_sent_ns
        return order.id not in self._placing and waited_ns >= promises.max_in_flight_ms * 1_000_000

    # ------------------------------------------------------------ in

    async def run_reports(self, line: Line) -> None:
        """Take a broker's reports, for ever; what cannot be read costs a new stream."""
        while True:
            try:
                async for report in line.broker.reports():
                    if report is None:
                        line.wants_reconcile.set()
                    else:
                        await self.take_report(line, report)
            except (Fault, ValueError, grpc.aio.AioRpcError) as error:
                self._logger.warning(
                    "a broker's reports cannot be read", broker=line.broker.name, error=_text(error)
                )
            line.wants_reconcile.set()
            await asyncio.sleep(1.0)

    async def take_report(self, line: Line, report: BrokerReport) -> None:
        """Take one report: the engine at once, the log in order, the rest after the commit."""
        entry = await self._known(report.order.client_order_id)
        if entry is None or entry.order.broker != line.broker.name:
            await self._note_stranger(line, report.order)
            return
        await self._queue(self._engine.on_report(report, self._clock.now_ns()))

    async def take_execution(self, line: Line, execution: BrokerExecution) -> None:
        """Take an execution that a broker listed; one that is known changes nothing."""
        order = BrokerOrder(
            client_order_id=execution.client_order_id,
            symbol=execution.symbol,
            side=execution.side,
            status=OrderStatus.UNKNOWN,
            qty=execution.qty,
        )
        await self.take_report(line, BrokerReport(order, execution))

    async def _known(self, client_order_id: str) -> Entry | None:
        """Return an order from memory, else from the store."""
        entry = self._engine.by_client_id(client_order_id)
        if entry is None:
            stored = await store.entry_of(self._pool, client_order_id)
            entry = self._engine.by_client_id(client_order_id)
            if entry is None and stored is not None:
                self._engine.load([stored])
                entry = stored
        return entry

    async def _note_stranger(self, line: Line, order: BrokerOrder) -> None:
        """Record an order at the broker that is not ours; it is left alone."""
        key = (line.broker.name, order.client_order_id)
        if key in self._strangers or len(self._strangers) >= _STRANGERS_MOST:
            return
        self._strangers.add(key)
        found = Discrepancy(
            id=new_id(),
            broker=line.broker.name,
            code="UNKNOWN_AT_VENUE",
            ours="no such order",
            theirs=f"{order.status.name.lower()} {order.client_order_id}",
            found_at_ns=self._clock.now_ns(),
            symbol=order.symbol,
            resolution="left alone",
        )
        metrics.DISCREPANCIES.labels(found.code).inc()
        await store.add_discrepancies(self._pool, [found])

    # ------------------------------------------------------------ until it is settled

    async def run_settling(self) -> None:
        """Ask about everything unsettled again and again, ever more slowly, for ever."""
        while True:
            await asyncio.sleep(0.1)
            now_ns = self._clock.monotonic_ns()
            waiting = {e.order.id: e for e in self._engine.open_entries() if self._unsettled(e)}
            self._tries = {key: item for key, item in self._tries.items() if key in waiting}
            unknown = [e for e in waiting.values() if e.order.status is OrderStatus.UNKNOWN]
            metrics.UNKNOWN.set(len(unknown))
            metrics.OPEN.set(len(self._engine.open_entries()))
            for order_id, entry in waiting.items():
                attempt = self._tries.setdefault(order_id, _Try(now_ns + int(_FIRST_DELAY_S * 1e9)))
                if now_ns < attempt.at_ns:
                    continue
                attempt.delay_s = min(attempt.delay_s * 2, _LAST_DELAY_S)
                attempt.at_ns = now_ns + int(attempt.delay_s * 1e9)
                again = entry.settled and entry.order.status is OrderStatus.PENDING_CANCEL
                self._spawn(self._cancel(order_id) if again else self.look_up(order_id))

    def _unsettled(self, entry: Entry) -> bool:
        status = entry.order.status
        if entry.order.id in self._placing:
            return False
        return status is OrderStatus.UNKNOWN or status is OrderStatus.PENDING_CANCEL or entry.behind

    def _entry(self, order_id: str) -> Entry:
        entry = self._engine.entry(order_id)
        if entry is None:
            raise NotFound("UNKNOWN_ORDER", f"there is no order {order_id}")
        return entry

    def _observe(self, stage: str, since_ns: int) -> None:
        seconds = (self._clock.monotonic_ns() - since_ns) / 1e9
        metrics.ORDER_LATENCY.labels(stage).observe(seconds)


async def _search(broker: Broker, entry: Entry) -> BrokerLookUp:
    """Look an order up at a broker that cannot: among its executions and open orders.

    Executions are asked for first: an order that has some and is not open afterwards has ended.
    """
    wanted = entry.order.terms.client_order_id
    since_ns = entry.order.created_at_ns - 60_000_000_000
    executions = [e for e in await broker.executions(since_ns) if e.client_order_id == wanted]
    for order in await broker.open_orders():
        if order.client_order_id == wanted:
            return BrokerLookUp(order, tuple(executions))
    if not executions:
        return BrokerLookUp(None)
    terms, qty = entry.order.terms, entry.order.qty
    filled = sum((e.qty for e in executions), start=ZERO)
    status = OrderStatus.FILLED if filled >= qty else OrderStatus.CANCELED
    order = BrokerOrder(wanted, terms.symbol, terms.side, status, qty, filled)
    return BrokerLookUp(order, tuple(executions))


def _check_answer(answer: BrokerOrder, asked: OrderTerms) -> None:
    """Hold a broker's answer against what it answers; another order's tells nothing of this one."""
    if answer.client_order_id != asked.client_order_id:
        raise ValueError(f"the broker answered for {answer.client_order_id!r}")


def _text(error: BaseException) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return f"{type(error).__name__}: {error}"
