"""The order engine against an obvious model: whatever a broker says, in whatever order."""

from __future__ import annotations

import itertools
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pi5.domain.broker import BrokerExecution, BrokerOrder, BrokerReport
from pi5.domain.decision import Decision
from pi5.domain.errors import Precondition
from pi5.domain.order import OrderStatus, OrderTerms, OrderType, Side, may_follow
from pi5.execution.engine import ExecutionEngine

S = OrderStatus
QTY = 10
ENDS = {S.CANCELED, S.EXPIRED, S.REJECTED}


class OneOrder(RuleBasedStateMachine):
    """A venue that fills at most the quantity, and tells of it in any order, any number of times.

    The model is what the venue did: `told` holds the executions that have been reported.
    """

    def __init__(self) -> None:
        super().__init__()
        numbers = itertools.count(1)
        self.engine = ExecutionEngine(lambda: f"id-{next(numbers)}")
        terms = OrderTerms("c-1", "ACME", Side.BUY, OrderType.MARKET, Decimal(QTY))
        decision = Decision(
            "d-1", True, "main", "manual", "ACME", Side.BUY, 0, (), terms, valid_until_ns=10
        )
        approved = self.engine.approve(decision, terms, 1)
        self.now = 1
        self.effects = [self.engine.new_order(approved, "o-1", "fake", None, self.now, decision)]
        self.executions: list[BrokerExecution] = []
        self.told: set[str] = set()
        self.ended: OrderStatus | None = None
        self.seen_status = S.PENDING_NEW
        self.follow(self.effects[0])

    # ------------------------------------------------------------ what the venue does

    @property
    def traded(self) -> int:
        return int(sum(e.qty for e in self.executions))

    @precondition(lambda self: self.ended is None and self.traded < QTY)
    @rule(qty=st.integers(1, QTY))
    def venue_trades(self, qty: int) -> None:
        taken = min(qty, QTY - self.traded)
        self.executions.append(
            BrokerExecution(
                f"x-{len(self.executions)}", "c-1", "ACME", Side.BUY, Decimal(taken),
                Decimal(100 + len(self.executions)), Decimal(0), "USD", 1,
            )
        )  # fmt: skip

    @precondition(lambda self: self.ended is None and self.traded < QTY)
    @rule(status=st.sampled_from(sorted(ENDS)))
    def venue_ends(self, status: OrderStatus) -> None:
        self.ended = status

    def venue_order(self) -> BrokerOrder:
        working = S.PARTIALLY_FILLED if self.traded else S.ACCEPTED
        status = self.ended or (S.FILLED if self.traded == QTY else working)
        return BrokerOrder("c-1", "ACME", Side.BUY, status, Decimal(QTY), Decimal(self.traded))

    # ------------------------------------------------------------ what we hear of it

    def take(self, effects: object) -> None:
        self.effects.append(effects)
        self.follow(effects)

    def follow(self, effects: object) -> None:
        """Every status that is told must be a legal next one."""
        for event in effects.events:
            after = event.order.status
            assert after is self.seen_status or may_follow(self.seen_status, after)
            self.seen_status = after

    @precondition(lambda self: self.executions)
    @rule(data=st.data(), stale=st.booleans())
    def hear_of_an_execution(self, data: st.DataObject, stale: bool) -> None:
        execution = data.draw(st.sampled_from(self.executions))
        order = self.venue_order()
        if stale:
            order = BrokerOrder(
                "c-1", "ACME", Side.BUY, S.PARTIALLY_FILLED, Decimal(QTY), execution.qty
            )
        self.told.add(execution.execution_id)
        self.take(self.engine.on_report(BrokerReport(order, execution), self.now))

    @rule()
    def hear_of_the_order(self) -> None:
        self.take(self.engine.on_report(BrokerReport(self.venue_order()), self.now))

    @rule()
    def hear_an_old_acknowledgement(self) -> None:
        old = BrokerOrder("c-1", "ACME", Side.BUY, S.ACCEPTED, Decimal(QTY))
        self.take(self.engine.on_report(BrokerReport(old), self.now))

    @rule()
    def hear_nothing(self) -> None:
        self.take(self.engine.on_no_answer("o-1", self.now))

    @rule()
    def ask_for_a_cancel(self) -> None:
        try:
            self.take(self.engine.request_cancel("o-1", self.now))
        except Precondition:
            assert self.engine.entry("o-1").order.status.final

    # ------------------------------------------------------------ what must hold

    @invariant()
    def fills_are_what_was_told_each_once(self) -> None:
        """The sum of the fills is the filled quantity: every execution heard of, once."""
        order = self.engine.entry("o-1").order
        fills = [fill for effects in self.effects for fill in effects.fills]
        assert sorted(fill.execution_id for fill in fills) == sorted(self.told)
        assert sum(fill.qty for fill in fills) == order.filled_qty <= order.qty
        assert sum(f.qty * f.price for f in fills) == order.filled_notional
        assert [d for effects in self.effects for d in effects.discrepancies] == []
        assert not any(effects.halt for effects in self.effects)

    @invariant()
    def filled_means_filled(self) -> None:
        """FILLED exactly when the whole quantity was filled before the order ended otherwise."""
        order = self.engine.entry("o-1").order
        assert (order.status is S.FILLED) <= (order.filled_qty == order.qty)
        if order.filled_qty == order.qty:
            assert order.status.final

    @invariant()
    def an_intent_is_settled_once(self) -> None:
        """Committed once, settled at most once, and never settled by silence."""
        intents = [intent for effects in self.effects for intent in effects.intents]
        assert len(intents) <= 2
        assert (len(intents) == 2) == self.engine.entry("o-1").settled

    @invariant()
    def once_all_is_told_both_agree(self) -> None:
        """With every execution told and a final report, the order stands as at the venue."""
        if len(self.told) < len(self.executions) or not self.ended:
            return
        before = self.engine.entry("o-1").order
        self.take(self.engine.on_report(BrokerReport(self.venue_order()), self.now))
        order = self.engine.entry("o-1").order
        assert order.status is self.ended or before.status.final
        assert order.filled_qty == self.traded


TestOneOrder = OneOrder.TestCase
TestOneOrder.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
