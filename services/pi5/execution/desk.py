"""The one door for orders: from a request or a signal, through risk, to a committed order.

A request is worked on to its end even when its caller goes away, so a committed order is always
sent or settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pi5.domain.decision import Decision, TradingMode
from pi5.domain.errors import Conflict, Exhausted, Fault, InvalidInput, NotFound, Unavailable
from pi5.domain.instrument import Instrument
from pi5.domain.order import Order, OrderTerms, RiskApproved
from pi5.domain.signal import Signal
from pi5.execution import metrics, store
from pi5.execution.brokers.router import route
from pi5.execution.courier import SENDS_MOST, Courier, Line, Spawn
from pi5.execution.effects import Effects
from pi5.execution.engine import ExecutionEngine
from pi5.execution.eventlog import EventLog, hash_of_terms
from pi5.execution.instruments import Instruments
from pi5.execution.risk_link import RiskLink
from pi5.execution.rules import check_terms
from pi5.kit.clock import Clock, new_id
from pi5.kit.database import LOST, Pool

T = TypeVar("T")
IN_FLIGHT_MOST = 500


@dataclass(frozen=True, slots=True)
class SignalOutcome:
    """What became of a signal: an order, or the decision that refused it."""

    order: Order | None
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """An order that was asked for, by a person (`signal` is None) or through a signal."""

    client_order_id: str
    account: str
    hash: bytes
    arrived_ns: int
    instrument: Instrument
    signal: Signal | None = None


class Desk:
    """Takes orders, signals and cancels."""

    def __init__(
        self,
        engine: ExecutionEngine,
        log: EventLog,
        courier: Courier,
        lines: dict[str, Line],
        risk: RiskLink,
        instruments: Instruments,
        pool: Pool[Any],
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        self._engine = engine
        self._log = log
        self._courier = courier
        self._lines = lines
        self._risk = risk
        self._instruments = instruments
        self._pool = pool
        self._clock = clock
        self._spawn = spawn
        self._in_flight: dict[str, tuple[bytes, asyncio.Future[Any]]] = {}

    async def submit_order(self, terms: OrderTerms) -> Order:
        """Take an order. The same client id with the same terms returns the first one.

        Raises:
            InvalidInput, Precondition: the order cannot be traded as it is.
            Conflict: CLIENT_ORDER_ID_REUSED.
            Unavailable: nothing was sent; RISK_UNAVAILABLE, RISK_STATE_UNKNOWN, DATABASE_LOST …
            Exhausted: TOO_MANY_ORDERS.
        """
        arrived_ns = self._clock.monotonic_ns()
        fresh = not terms.client_order_id
        asked = replace(terms, client_order_id=terms.client_order_id or new_id())
        body = hash_of_terms(asked)

        async def work() -> Order:
            first = None if fresh else await self._first(asked.client_order_id, body)
            return first or await self._new_order(asked, body, arrived_ns)

        return await self._once(asked.client_order_id, body, work)

    async def submit_signal(self, signal: Signal, account: str) -> SignalOutcome:
        """Take a signal. Its id is the client id of its order, so a repeat cannot double it.

        Raises:
            Fault: it could not be judged; nothing was sent.
        """
        arrived_ns = self._clock.monotonic_ns()
        if not store.is_uuid(signal.id):
            raise InvalidInput("BAD_SIGNAL_ID", "a signal's id must be a UUID", field="id")
        body = signal.id.encode()

        async def work() -> SignalOutcome:
            known = await self._stored(signal.id)
            if known is None:
                return await self._new_signal(signal, account, body, arrived_ns)
            if known.signal_id != signal.id:
                raise _reused(signal.id)
            return SignalOutcome(known)

        outcome = await self._once(signal.id, body, work)
        metrics.SIGNALS.labels("ordered" if outcome.order else "refused").inc()
        return outcome

    # ------------------------------------------------------------ new orders

    async def _new_order(self, terms: OrderTerms, body: bytes, arrived_ns: int) -> Order:
        instrument = await self._instruments.get(terms.symbol)
        check_terms(terms, instrument, self._clock.now_ns())
        asked = _Asked(terms.client_order_id, terms.account, body, arrived_ns, instrument)
        line = self._admit(instrument)
        decision = await self._risk.evaluate(terms, terms.account, terms.client_order_id)
        now_ns = self._clock.now_ns()
        if decision.approved:
            approved = self._engine.approve(decision, terms, now_ns)
            return await self._open(asked, approved, decision, line)
        order_id = new_id()
        effects = self._engine.refused(terms, decision, order_id, now_ns)
        effects.params_hash = body
        await self._courier.apply(effects)
        return self._order(order_id)

    async def _new_signal(
        self, signal: Signal, account: str, body: bytes, arrived_ns: int
    ) -> SignalOutcome:
        instrument = await self._instruments.get(signal.symbol)
        asked = _Asked(signal.id, account, body, arrived_ns, instrument, signal)
        line = self._admit(instrument)
        decision = await self._risk.evaluate(signal, account, signal.id)
        now_ns = self._clock.now_ns()
        if not decision.approved:
            await self._courier.apply(self._engine.signal_refused(signal, decision, now_ns))
            return SignalOutcome(None, decision)
        approved = self._engine.approve(decision, signal, now_ns, account, signal.id)
        return SignalOutcome(await self._open(asked, approved, decision, line), decision)

    async def _open(
        self,
        asked: _Asked,
        approved: RiskApproved[OrderTerms],
        decision: Decision,
        line: Line,
    ) -> Order:
        """Commit an approved order; it is sent right after."""
        now_ns = self._clock.now_ns()
        check_terms(approved.order, asked.instrument, now_ns)
        order_id = new_id()
        effects = self._engine.new_order(
            approved, order_id, line.broker.name, asked.signal, now_ns, decision
        )
        effects.params_hash = asked.hash
        await self._courier.open(approved, effects, asked.arrived_ns)
        return self._order(order_id)

    def _admit(self, instrument: Instrument) -> Line:
        """Return the broker for an instrument, when orders may go there now."""
        if self._risk.mode is None:
            raise Unavailable(
                "RISK_STATE_UNKNOWN", "risk's state is not known, so nothing is sent",
                retry_after_s=1.0,
            )  # fmt: skip
        if self._courier.sends_waiting >= SENDS_MOST:
            raise Exhausted("TOO_MANY_ORDERS", "too many orders wait to be sent", retry_after_s=1.0)
        ready = [line for line in self._lines.values() if line.reconciled_at_ns]
        if len(ready) < len(self._lines):
            waiting = [n for n, line in self._lines.items() if not line.reconciled_at_ns]
            raise Unavailable(
                "NOT_RECONCILED",
                f"not reconciled yet with {', '.join(waiting)}; nothing is sent before",
                retry_after_s=1.0,
            )
        promises = [line.promises for line in ready if line.promises is not None]
        return self._lines[route(instrument, promises)]

    # ------------------------------------------------------------ cancels

    async def cancel(self, any_id: str) -> Order:
        """Ask for a cancel of a working order, by its id or client order id.

        Raises:
            NotFound: UNKNOWN_ORDER.
            Precondition: ORDER_CLOSED.
        """
        entry = self._engine.entry(any_id) or self._engine.by_client_id(any_id)
        if entry is None:
            known = await store.find_order(self._pool, any_id)
            if known is None:
                raise NotFound("UNKNOWN_ORDER", f"there is no order {any_id}")
            loaded = await store.entry_of(self._pool, known.client_order_id)
            if loaded is not None and self._engine.entry(loaded.order.id) is None:
                self._engine.load([loaded])
            entry = self._engine.entry(known.id)
        assert entry is not None, "it was loaded just now"
        effects = self._courier.cancel_now(entry.order.id, "request")
        await self._own(self._courier.apply(effects))
        return self._order(entry.order.id)

    async def cancel_all(self, cause: str, symbol: str = "", strategy_id: str = "") -> list[Order]:
        """Ask for a cancel of all working orders, or of those of a symbol or strategy."""
        chosen = [
            entry.order.id
            for entry in self._engine.open_entries()
            if symbol in ("", entry.order.terms.symbol)
            and strategy_id in ("", entry.order.terms.strategy_id)
        ]
        # Every cancel is on its way before the first commit is waited for.
        asked = [self._courier.cancel_now(order_id, cause) for order_id in chosen]
        await self._own(self._apply_all(asked))
        return [self._order(order_id) for order_id in chosen]

    async def _apply_all(self, effects: list[Effects]) -> None:
        await asyncio.gather(*(self._courier.apply(item) for item in effects))

    async def on_mode(self, mode: TradingMode | None) -> None:
        """Follow the trading mode: a halt cancels all that works."""
        if mode is TradingMode.HALTED:
            await self.cancel_all("halt")

    # ------------------------------------------------------------ once and to the end

    async def _first(self, client_order_id: str, body: bytes) -> Order | None:
        stored = await store.params_hash(self._pool, client_order_id)
        if stored is None:
            return None
        if stored != body:
            raise _reused(client_order_id)
        return await self._stored(client_order_id)

    async def _stored(self, client_order_id: str) -> Order | None:
        entry = self._engine.by_client_id(client_order_id)
        entry = entry or await store.entry_of(self._pool, client_order_id)
        return entry.order if entry else None

    async def _once(self, client_order_id: str, body: bytes, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work for a client order id once; who asks meanwhile gets the same answer."""
        under_way = self._in_flight.get(client_order_id)
        if under_way is not None:
            if under_way[0] != body:
                raise _reused(client_order_id)
            return await asyncio.shield(under_way[1])
        if len(self._in_flight) >= IN_FLIGHT_MOST:
            raise Exhausted("TOO_MANY_ORDERS", "too many orders are under way", retry_after_s=0.2)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._in_flight[client_order_id] = (body, answer)
        answer.add_done_callback(lambda _: self._in_flight.pop(client_order_id, None))

        async def attempt() -> T:
            return await work()

        return await self._own(attempt(), answer)

    async def _own(
        self, work: Coroutine[Any, Any, T], answer: asyncio.Future[Any] | None = None
    ) -> T:
        """Work in a task of the session, so that a caller who goes away ends nothing."""
        done: asyncio.Future[Any] = answer or asyncio.get_running_loop().create_future()
        done.add_done_callback(_look_at)

        async def run() -> None:
            try:
                result = await work
            except (Fault, *LOST) as error:
                done.set_exception(error)
            except BaseException:
                done.set_exception(session_over())
                raise
            else:
                done.set_result(result)

        task = run()
        try:
            self._spawn(task)
        except RuntimeError:  # the session is ending
            task.close()
            work.close()
            done.set_exception(session_over())
        return await asyncio.shield(done)

    def _order(self, order_id: str) -> Order:
        entry = self._engine.entry(order_id)
        assert entry is not None, "orders of this call are in memory"
        return entry.order


def session_over() -> Unavailable:
    """Return the fault for a time in which this process is not the sender."""
    return Unavailable(
        "NOT_READY", "execution is starting or has lost the database; ask again", retry_after_s=1.0
    )


def _reused(client_order_id: str) -> Conflict:
    return Conflict(
        "CLIENT_ORDER_ID_REUSED",
        f"client_order_id {client_order_id} was used for another order",
        field="client_order_id",
    )


def _look_at(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()
