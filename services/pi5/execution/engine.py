"""The life of orders: what may happen to one, and what each answer of a broker means.

Pure: `event in, effects out`. The shell commits the effects and only then acts on them. Brokers
may answer late, twice, out of order or not at all; each of these has one defined outcome here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal

from pi5.domain.broker import (
    BrokerExecution,
    BrokerLookUp,
    BrokerOrder,
    BrokerReport,
    Discrepancy,
)
from pi5.domain.decision import Decision
from pi5.domain.errors import NotFound, Precondition
from pi5.domain.event import OrderEvent
from pi5.domain.money import ZERO, wire
from pi5.domain.order import (
    DEFAULT_ACCOUNT,
    Fill,
    Order,
    OrderEventType,
    OrderStatus,
    OrderTerms,
    RiskApproved,
    may_follow,
)
from pi5.domain.signal import Signal
from pi5.execution.effects import Effects, Intent, IntentState
from pi5.execution.memory import Entry, OrderMemory
from pi5.execution.rules import approved_order, approved_signal

_S = OrderStatus
_AWAITING = frozenset({_S.PENDING_NEW, _S.UNKNOWN})
_VENUE_WORKING = frozenset({_S.ACCEPTED, _S.PARTIALLY_FILLED})
_VENUE_ENDED = frozenset({_S.CANCELED, _S.EXPIRED, _S.REJECTED})
_EVENT = {
    _S.CANCELED: OrderEventType.CANCELED,
    _S.EXPIRED: OrderEventType.EXPIRED,
    _S.REJECTED: OrderEventType.REJECTED,
}
NOT_AT_BROKER = "NOT_AT_BROKER"
CLOSED_KEPT = 5_000


class ExecutionEngine:
    """All open orders of a process and the newest closed ones.

    Args:
        new_id: makes ids of events and discrepancies.
        closed_kept: how many closed orders stay in memory, for late reports.
    """

    def __init__(self, new_id: Callable[[], str], closed_kept: int = CLOSED_KEPT) -> None:
        self._new_id = new_id
        self._memory = OrderMemory(closed_kept)

    def entry(self, order_id: str) -> Entry | None:
        """Return what is known of an order; None when it is not in memory."""
        return self._memory.get(order_id)

    def by_client_id(self, client_order_id: str) -> Entry | None:
        """Return what is known of an order by its client order id."""
        return self._memory.by_client_id(client_order_id)

    def open_entries(self) -> list[Entry]:
        """Return the orders that may still change by themselves, oldest first."""
        return self._memory.open()

    def load(self, entries: Iterable[Entry]) -> None:
        """Take orders back from the store, at start or for a late report."""
        for entry in entries:
            self._memory.keep(entry)

    def approve(
        self,
        decision: Decision,
        asked: OrderTerms | Signal,
        now_ns: int,
        account: str = DEFAULT_ACCOUNT,
        client_order_id: str = "",
    ) -> RiskApproved[OrderTerms]:
        """Turn risk's answer to what was asked into the proof that lets an order be sent.

        `account` and `client_order_id` are what a signal's order must carry.

        Raises:
            Fault: NOT_APPROVED or APPROVAL_MISMATCH; nothing may be sent.
            Precondition: APPROVAL_EXPIRED; nothing may be sent.
        """
        if isinstance(asked, Signal):
            order = approved_signal(decision, asked, account, client_order_id, now_ns)
        else:
            order = approved_order(decision, asked, now_ns)
        return RiskApproved(order, decision.id, decision.valid_until_ns)

    def new_order(
        self,
        approved: RiskApproved[OrderTerms],
        order_id: str,
        broker: str,
        signal: Signal | None,
        now_ns: int,
        decision: Decision | None = None,
    ) -> Effects:
        """Make an approved order: intent, order and event to commit, then to send.

        Raises:
            Conflict: CLIENT_ORDER_ID_REUSED.
        """
        terms = approved.order
        assert terms.qty is not None, "an approved order has a quantity"
        order = Order(
            id=order_id,
            terms=terms,
            qty=terms.qty,
            status=_S.PENDING_NEW,
            broker=broker,
            created_at_ns=now_ns,
            updated_at_ns=now_ns,
            signal_id=signal.id if signal else "",
            decision_id=approved.decision_id,
        )
        entry = self._memory.add(Entry(order, _reference(signal, decision)))
        effects = Effects(sends=[order_id])
        effects.intents.append(_intent(entry, IntentState.COMMITTED, now_ns))
        cause = signal.id if signal else terms.client_order_id
        self._tell(
            effects, entry, OrderEventType.PENDING_NEW, cause, signal=signal, decision=decision
        )
        return effects

    def refused(
        self,
        terms: OrderTerms,
        decision: Decision,
        order_id: str,
        now_ns: int,
    ) -> Effects:
        """Keep an order that risk refused, as rejected; nothing is sent.

        Raises:
            Conflict: CLIENT_ORDER_ID_REUSED.
        """
        order = Order(
            id=order_id,
            terms=terms,
            qty=terms.qty if terms.qty is not None else Decimal(0),
            status=_S.REJECTED,
            broker="",
            created_at_ns=now_ns,
            updated_at_ns=now_ns,
            decision_id=decision.id,
            reject_code=decision.reject_code,
            reject_reason=decision.reject_reason,
        )
        entry = self._memory.add(Entry(order, settled=True))
        effects = Effects()
        cause = terms.client_order_id
        self._tell(effects, entry, OrderEventType.REFUSED, cause, decision=decision)
        return effects

    def signal_refused(self, signal: Signal, decision: Decision, now_ns: int) -> Effects:
        """Record that risk refused a signal; there is no order."""
        event = OrderEvent(
            id=self._new_id(),
            type=OrderEventType.SIGNAL_REFUSED,
            time_ns=now_ns,
            causation_id=signal.id,
            decision=decision,
            signal=signal,
        )
        return Effects(events=[event])

    def sent(self, order_id: str, now_ns: int) -> None:
        """Remember when an order left; it is stored with whatever happens next."""
        entry = self._known(order_id)
        entry.order = replace(entry.order, submitted_at_ns=now_ns)

    def not_sent(self, order_id: str, code: str, reason: str, now_ns: int) -> Effects:
        """End an order that was held back before it was sent: certain, so no evidence is needed."""
        entry = self._known(order_id)
        effects = Effects()
        if entry.order.status.final:
            return effects
        canceled = entry.order.status is _S.PENDING_CANCEL
        self._settle_intent(effects, entry, IntentState.NOT_SENT, now_ns)
        status = _S.CANCELED if canceled else _S.REJECTED
        self._end(effects, entry, status, code, reason, now_ns)
        return effects

    def on_no_answer(self, order_id: str, now_ns: int) -> Effects:
        """The broker did not answer: it may have the order, so nothing is assumed."""
        entry = self._known(order_id)
        effects = Effects(look_ups=[order_id])
        if entry.order.status is _S.PENDING_NEW:
            entry.order = replace(entry.order, status=_S.UNKNOWN, updated_at_ns=now_ns)
            self._tell(effects, entry, OrderEventType.UNKNOWN, entry.order.terms.client_order_id)
        return effects

    def on_report(self, report: BrokerReport, now_ns: int) -> Effects:
        """Take what a broker says of an order; duplicates and old news change nothing.

        Raises:
            NotFound: ORDER_NOT_IN_MEMORY; load it from the store, or it is not ours.
        """
        entry = self.by_client_id(report.order.client_order_id)
        if entry is None:
            raise NotFound("ORDER_NOT_IN_MEMORY", "no such order in memory")
        effects = Effects()
        refused = report.order.status is _S.REJECTED and not report.order.filled_qty
        state = IntentState.REFUSED if refused else IntentState.ANSWERED
        if report.order.broker_order_id and not entry.order.broker_order_id:
            known = replace(entry.order, broker_order_id=report.order.broker_order_id)
            entry.order = known
        self._settle_intent(effects, entry, state, now_ns)
        if report.execution is not None:
            self._take_execution(effects, entry, report.execution, now_ns)
        self._take_status(effects, entry, report.order, now_ns)
        return effects

    def on_look_up(self, answer: BrokerLookUp, now_ns: int) -> Effects:
        """Take what a broker answered when asked: first the executions, then where it stands.

        Raises:
            NotFound: ORDER_NOT_IN_MEMORY, as `on_report`.
        """
        assert answer.order is not None, "nothing found is evidence, not a report"
        effects = Effects()
        silent = replace(answer.order, status=_S.UNKNOWN, filled_qty=ZERO)
        for execution in answer.executions:
            effects.join(self.on_report(BrokerReport(silent, execution), now_ns))
        effects.join(self.on_report(BrokerReport(answer.order), now_ns))
        effects.look_ups.clear()  # asked just now: the settling loop asks again, ever more slowly
        return effects

    def settle_absent(self, order_id: str, now_ns: int) -> Effects:
        """End an order that the broker was shown not to have.

        The caller vouches for the evidence: the broker answered "not found" later than its
        max_in_flight after the order can last have been sent.
        """
        entry = self._known(order_id)
        effects = Effects()
        if entry.order.status.final:
            return effects
        never_taken = not entry.settled
        self._settle_intent(effects, entry, IntentState.ABSENT, now_ns)
        if never_taken and not entry.order.filled_qty:
            reason = "the broker never got it"
            self._end(effects, entry, _S.REJECTED, NOT_AT_BROKER, reason, now_ns)
            return effects
        self._differ(
            effects, entry, "MISSING_AT_VENUE", "working", "not found", now_ns, "ended as canceled"
        )
        reason = "the broker does not have it any more"
        self._end(effects, entry, _S.CANCELED, NOT_AT_BROKER, reason, now_ns)
        return effects

    def request_cancel(self, order_id: str, now_ns: int, cause: str = "") -> Effects:
        """Ask for a cancel; asking again asks the broker again.

        Raises:
            NotFound: UNKNOWN_ORDER.
            Precondition: ORDER_CLOSED.
        """
        entry = self._known(order_id)
        if entry.order.status.final:
            status = entry.order.status.name.lower()
            raise Precondition("ORDER_CLOSED", f"the order has ended already: {status}")
        effects = Effects(cancels=[order_id])
        if entry.order.status is not _S.PENDING_CANCEL:
            entry.order = replace(entry.order, status=_S.PENDING_CANCEL, updated_at_ns=now_ns)
            self._tell(effects, entry, OrderEventType.PENDING_CANCEL, cause or order_id)
        return effects

    # ------------------------------------------------------------ reports

    def _take_execution(
        self, effects: Effects, entry: Entry, execution: BrokerExecution, now_ns: int
    ) -> None:
        order = entry.order
        known = entry.executions.get(execution.execution_id)
        if known is not None:
            if known != (execution.qty, execution.price):
                theirs = f"{wire(execution.qty)} at {wire(execution.price)}"
                ours = f"{wire(known[0])} at {wire(known[1])}"
                self._differ(effects, entry, "EXECUTION_DIFFERS", ours, theirs, now_ns)
                effects.halt = f"{execution.execution_id} was reported twice with other figures"
            return
        sound = execution.qty > 0 and execution.qty.is_finite() and execution.price.is_finite()
        if not sound or (execution.symbol, execution.side) != (
            order.terms.symbol,
            order.terms.side,
        ):
            theirs = f"{execution.side.name.lower()} {execution.qty} {execution.symbol}"
            ours = f"{order.terms.side.name.lower()} {order.terms.symbol}"
            self._differ(effects, entry, "EXECUTION_MISMATCH", ours, theirs, now_ns, "not applied")
            effects.halt = f"{execution.execution_id} does not belong to its order"
            return
        owner = self._memory.own(entry, execution.execution_id)
        if owner != order.id:
            ours, theirs = owner, execution.execution_id
            done_about = "not applied; halted"
            self._differ(effects, entry, "EXECUTION_ID_REUSED", ours, theirs, now_ns, done_about)
            effects.halt = f"{execution.execution_id} was reported for two orders"
            return
        entry.executions[execution.execution_id] = (execution.qty, execution.price)
        fill = self._fill(entry, execution)
        effects.fills.append(fill)
        self._apply_fill(effects, entry, fill, now_ns)

    def _fill(self, entry: Entry, execution: BrokerExecution) -> Fill:
        terms = entry.order.terms
        return Fill(
            execution_id=execution.execution_id,
            order_id=entry.order.id,
            client_order_id=terms.client_order_id,
            account=terms.account,
            strategy_id=terms.strategy_id,
            symbol=terms.symbol,
            side=terms.side,
            qty=execution.qty,
            price=execution.price,
            fee=execution.fee,
            currency=execution.currency,
            time_ns=execution.time_ns,
            reference_price=entry.reference_price,
        )

    def _apply_fill(self, effects: Effects, entry: Entry, fill: Fill, now_ns: int) -> None:
        """Add a fill. A closed order keeps its status; a cancel on its way stays on its way."""
        order = replace(entry.order.with_fill(fill), updated_at_ns=now_ns)
        done = order.filled_qty >= order.qty
        if not order.status.final:
            if done:
                order = replace(order, status=_S.FILLED, filled_at_ns=fill.time_ns)
            elif order.status is not _S.PENDING_CANCEL:
                order = replace(order, status=_S.PARTIALLY_FILLED)
        entry.order = order
        event = OrderEventType.FILL if done else OrderEventType.PARTIAL_FILL
        self._tell(effects, entry, event, fill.execution_id, fill=fill)
        if order.filled_qty > order.qty:
            ours, theirs = wire(order.qty), wire(order.filled_qty)
            self._differ(
                effects, entry, "OVERFILL", ours, theirs, now_ns, "applied; trading halted"
            )
            effects.halt = f"order {order.id} was filled beyond its quantity"

    def _take_status(
        self, effects: Effects, entry: Entry, theirs: BrokerOrder, now_ns: int
    ) -> None:
        order = entry.order
        entry.reported_qty = max(entry.reported_qty, theirs.filled_qty)
        if entry.behind:
            effects.look_ups.append(order.id)
        if order.status.final:
            self._take_late_status(effects, entry, theirs, now_ns)
        elif theirs.status in _VENUE_ENDED and not entry.behind:
            self._end(
                effects, entry, theirs.status, theirs.reject_code, theirs.reject_reason, now_ns
            )
        elif theirs.status in _VENUE_WORKING or theirs.status is _S.FILLED:
            if order.status in _AWAITING:
                entry.order = replace(order, status=_S.ACCEPTED, updated_at_ns=now_ns)
                self._tell(effects, entry, OrderEventType.ACCEPTED, theirs.client_order_id)
            elif order.status is _S.PENDING_CANCEL and effects.intents:
                effects.cancels.append(order.id)  # asked for before the broker had the order

    def _take_late_status(
        self, effects: Effects, entry: Entry, theirs: BrokerOrder, now_ns: int
    ) -> None:
        """An order presumed dead that the broker works on after all must go."""
        if entry.order.reject_code == NOT_AT_BROKER and theirs.status in _VENUE_WORKING:
            ours = entry.order.status.name.lower()
            self._differ(
                effects, entry, "ALIVE_AT_VENUE", ours, theirs.status.name.lower(), now_ns,
                "its cancel was asked for",
            )  # fmt: skip
            effects.cancels.append(entry.order.id)

    # ------------------------------------------------------------ bookkeeping

    def _end(
        self,
        effects: Effects,
        entry: Entry,
        status: OrderStatus,
        code: str,
        reason: str,
        now_ns: int,
    ) -> None:
        assert may_follow(entry.order.status, status), (entry.order.status, status)
        entry.order = replace(
            entry.order,
            status=status,
            reject_code=code,
            reject_reason=reason,
            updated_at_ns=now_ns,
            canceled_at_ns=now_ns if status is _S.CANCELED else 0,
        )
        self._tell(effects, entry, _EVENT[status], code or entry.order.terms.client_order_id)

    def _settle_intent(
        self, effects: Effects, entry: Entry, state: IntentState, now_ns: int
    ) -> None:
        if not entry.settled:
            entry.settled = True
            effects.intents.append(_intent(entry, state, now_ns))

    def _tell(
        self,
        effects: Effects,
        entry: Entry,
        kind: OrderEventType,
        cause: str,
        *,
        fill: Fill | None = None,
        decision: Decision | None = None,
        signal: Signal | None = None,
    ) -> None:
        order = entry.order
        effects.orders.append(order)
        effects.events.append(
            OrderEvent(
                id=self._new_id(),
                type=kind,
                time_ns=order.updated_at_ns,
                causation_id=cause,
                order=order,
                fill=fill,
                decision=decision,
                signal=signal,
            )
        )
        if order.status.final:
            self._memory.close(entry)

    def _differ(
        self,
        effects: Effects,
        entry: Entry,
        code: str,
        ours: str,
        theirs: str,
        now_ns: int,
        resolution: str = "",
    ) -> None:
        effects.discrepancies.append(
            Discrepancy(
                id=self._new_id(),
                broker=entry.order.broker,
                code=code,
                ours=ours,
                theirs=theirs,
                found_at_ns=now_ns,
                order_id=entry.order.id,
                symbol=entry.order.terms.symbol,
                resolution=resolution,
            )
        )

    def _known(self, order_id: str) -> Entry:
        entry = self._memory.get(order_id)
        if entry is None:
            raise NotFound("UNKNOWN_ORDER", f"there is no working order {order_id}")
        return entry


def _reference(signal: Signal | None, decision: Decision | None) -> Decimal | None:
    """Return the price that slippage is measured against: the strategy's, else risk's mark."""
    if signal is not None and signal.reference_price is not None:
        return signal.reference_price
    return decision.mark_price if decision is not None else None


def _intent(entry: Entry, state: IntentState, now_ns: int) -> Intent:
    return Intent(
        client_order_id=entry.order.terms.client_order_id,
        order_id=entry.order.id,
        state=state,
        created_at_ns=entry.order.created_at_ns,
        settled_at_ns=0 if state is IntentState.COMMITTED else now_ns,
    )
