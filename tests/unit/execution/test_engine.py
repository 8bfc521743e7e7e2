"""What each answer of a broker means for an order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from pi5.domain.broker import BrokerLookUp, BrokerReport
from pi5.domain.errors import Conflict, Fault, NotFound, Precondition
from pi5.domain.order import OrderEventType, OrderStatus, Side
from pi5.execution.effects import IntentState

from tests.unit.execution.orders import (
    DECISION_ID,
    NOW,
    decision,
    execution,
    fill_report,
    new_engine,
    opened,
    seen,
    signal,
    terms,
)

S = OrderStatus


def status_of(engine, order_id="o-1"):
    return engine.entry(order_id).order.status


def kinds(effects):
    return [event.type for event in effects.events]


def test_a_new_order_is_committed_with_its_intent_before_it_is_sent():
    """Order, intent and event come together; the send comes after them."""
    effects = opened(new_engine())
    assert effects.orders[0].status is S.PENDING_NEW
    assert effects.intents[0].state is IntentState.COMMITTED
    assert effects.intents[0].settled_at_ns == 0
    assert kinds(effects) == [OrderEventType.PENDING_NEW]
    assert effects.events[0].decision.id == DECISION_ID
    assert effects.sends == ["o-1"]


def test_a_client_id_is_taken_once():
    """A second order with the same client id is a conflict."""
    engine = new_engine()
    opened(engine)
    with pytest.raises(Conflict):
        opened(engine, order_id="o-2")


@pytest.mark.parametrize(
    "changes",
    [
        {"account": "other"},
        {"symbol": "ELSE"},
        {"side": Side.SELL},
        {"client_order_id": "c-2"},
        {"qty": Decimal(11)},
        {"qty": Decimal(0)},
        {"limit_price": Decimal(101)},
        {"strategy_id": "trend"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_approval_of_something_else_is_worth_nothing(changes):
    """Only the very order that was asked about can be approved, or less of it."""
    with pytest.raises(Fault) as caught:
        new_engine().approve(decision(terms(**changes)), terms(), NOW)
    assert caught.value.code == "APPROVAL_MISMATCH"


def test_an_approval_may_be_smaller_than_asked():
    """Risk may cut the quantity."""
    approved = new_engine().approve(decision(terms(qty=Decimal(4))), terms(), NOW)
    assert approved.order.qty == 4


def test_a_refusal_or_a_late_approval_cannot_be_used():
    """No approval, or one that is out of date, gives nothing to send."""
    with pytest.raises(Fault, match="did not approve"):
        new_engine().approve(decision(None), terms(), NOW)
    with pytest.raises(Precondition) as caught:
        new_engine().approve(decision(terms()), terms(), NOW + 3_000_000_000)
    assert caught.value.code == "APPROVAL_EXPIRED"


def test_a_signal_approval_must_carry_the_signals_names():
    """The order sized from a signal belongs to its strategy and carries the given client id."""
    order = terms(strategy_id="trend", client_order_id="s-1")
    engine = new_engine()
    assert engine.approve(decision(order), signal(), NOW, "main", "s-1").order == order
    with pytest.raises(Fault):
        engine.approve(decision(replace(order, side=Side.SELL)), signal(), NOW, "main", "s-1")


def test_a_refused_order_is_kept_and_never_sent():
    """A refusal by risk is a rejected order with its decision."""
    effects = new_engine().refused(terms(), decision(None, reject_code="X"), "o-1", NOW)
    assert (effects.orders[0].status, effects.orders[0].reject_code) == (S.REJECTED, "X")
    assert (effects.sends, effects.intents) == ([], [])


def test_acknowledged_then_filled_in_two_parts():
    """Accepted, partially filled, filled; the intent is settled by the first answer."""
    engine = new_engine()
    opened(engine)
    first = engine.on_report(BrokerReport(seen()), NOW)
    assert first.intents[0].state is IntentState.ANSWERED
    assert status_of(engine) is S.ACCEPTED
    engine.on_report(fill_report(1, 4, 4), NOW)
    assert status_of(engine) is S.PARTIALLY_FILLED
    last = engine.on_report(fill_report(2, 6, 10), NOW)
    assert status_of(engine) is S.FILLED
    assert kinds(last) == [OrderEventType.FILL]
    assert engine.entry("o-1").order.fees == Decimal("0.10")


def test_a_fill_may_overtake_the_acknowledgement():
    """Filled before accepted: the late acknowledgement changes nothing."""
    engine = new_engine()
    opened(engine)
    engine.on_report(fill_report(1, 10, 10), NOW)
    late = engine.on_report(BrokerReport(seen()), NOW)
    assert status_of(engine) is S.FILLED
    assert not late.stored


def test_the_same_execution_twice_is_one_fill():
    """A duplicate report applies nothing; with other figures it is a discrepancy and a halt."""
    engine = new_engine()
    opened(engine)
    engine.on_report(fill_report(1, 4, 4), NOW)
    assert not engine.on_report(fill_report(1, 4, 4), NOW).stored
    other = engine.on_report(fill_report(1, 5, 5), NOW)
    assert [d.code for d in other.discrepancies] == ["EXECUTION_DIFFERS"]
    assert other.halt
    assert engine.entry("o-1").order.filled_qty == 4


def test_a_cumulative_quantity_is_never_an_increment():
    """A report without an execution adds nothing; it makes us ask for the executions."""
    engine = new_engine()
    opened(engine)
    effects = engine.on_report(BrokerReport(seen(S.FILLED, 10)), NOW)
    assert engine.entry("o-1").order.filled_qty == 0
    assert status_of(engine) is S.ACCEPTED
    assert effects.look_ups == ["o-1"]
    assert engine.entry("o-1").behind
    answer = BrokerLookUp(seen(S.FILLED, 10), (execution(1, 10),))
    engine.on_look_up(answer, NOW)
    assert status_of(engine) is S.FILLED
    assert not engine.entry("o-1").behind


def test_an_end_waits_for_the_fills_before_it():
    """Canceled with a filled part we have not seen: first the fills, then the end."""
    engine = new_engine()
    opened(engine)
    engine.on_report(BrokerReport(seen(S.CANCELED, 3)), NOW)
    assert status_of(engine) is S.PENDING_NEW
    effects = engine.on_look_up(BrokerLookUp(seen(S.CANCELED, 3), (execution(1, 3),)), NOW)
    assert kinds(effects) == [OrderEventType.PARTIAL_FILL, OrderEventType.CANCELED]


def test_a_fill_after_the_cancel_is_added_and_the_order_stays_canceled():
    """A fill that was on its way when the cancel was confirmed counts."""
    engine = new_engine()
    opened(engine)
    engine.on_report(BrokerReport(seen()), NOW)
    engine.request_cancel("o-1", NOW)
    engine.on_report(BrokerReport(seen(S.CANCELED)), NOW)
    late = engine.on_report(fill_report(1, 4, 4, S.CANCELED), NOW)
    assert status_of(engine) is S.CANCELED
    assert engine.entry("o-1").order.filled_qty == 4
    assert kinds(late) == [OrderEventType.PARTIAL_FILL]


def test_an_overfill_is_applied_flagged_and_halts():
    """More than was ordered is true at the venue, so it is booked; trading stops."""
    engine = new_engine()
    opened(engine)
    engine.on_report(fill_report(1, 10, 10), NOW)
    effects = engine.on_report(fill_report(2, 1, 11, S.FILLED), NOW)
    assert engine.entry("o-1").order.filled_qty == 11
    assert [d.code for d in effects.discrepancies] == ["OVERFILL"]
    assert effects.halt


def test_an_execution_of_the_wrong_side_or_of_another_order_is_not_applied():
    """What cannot belong to the order is a discrepancy and a halt, never a fill."""
    engine = new_engine()
    opened(engine)
    opened(engine, order_id="o-2", client_order_id="c-2")
    wrong = replace(fill_report(1, 4, 0), execution=execution(1, 4, side=Side.SELL))
    effects = engine.on_report(wrong, NOW)
    assert [d.code for d in effects.discrepancies] == ["EXECUTION_MISMATCH"]
    engine.on_report(fill_report(2, 4, 4), NOW)
    stolen = BrokerReport(seen(client_order_id="c-2"), execution(2, 4, client_order_id="c-2"))
    effects = engine.on_report(stolen, NOW)
    assert [d.code for d in effects.discrepancies] == ["EXECUTION_ID_REUSED"]
    assert effects.halt
    assert effects.fills == []


def test_no_answer_is_unknown_until_evidence():
    """Unknown keeps its intent open; a report settles it."""
    engine = new_engine()
    opened(engine)
    effects = engine.on_no_answer("o-1", NOW)
    assert status_of(engine) is S.UNKNOWN
    assert (effects.intents, effects.look_ups) == ([], ["o-1"])
    settled = engine.on_report(BrokerReport(seen()), NOW)
    assert status_of(engine) is S.ACCEPTED
    assert settled.intents[0].state is IntentState.ANSWERED


def test_no_answer_after_the_stream_told_of_it_changes_nothing():
    """The answer was lost, but a report came: that is evidence enough."""
    engine = new_engine()
    opened(engine)
    engine.on_report(BrokerReport(seen()), NOW)
    assert not engine.on_no_answer("o-1", NOW).stored
    assert status_of(engine) is S.ACCEPTED


def test_shown_absent_is_rejected_and_watched():
    """An order that never arrived ends as rejected; if it lives after all, it must go."""
    engine = new_engine()
    opened(engine)
    engine.on_no_answer("o-1", NOW)
    effects = engine.settle_absent("o-1", NOW)
    order = engine.entry("o-1").order
    assert (order.status, order.reject_code) == (S.REJECTED, "NOT_AT_BROKER")
    assert effects.intents[0].state is IntentState.ABSENT
    late = engine.on_report(BrokerReport(seen()), NOW)
    assert [d.code for d in late.discrepancies] == ["ALIVE_AT_VENUE"]
    assert late.cancels == ["o-1"]
    late = engine.on_report(fill_report(1, 4, 4), NOW)
    assert late.fills[0].qty == 4


def test_a_working_order_that_vanished_is_canceled_with_a_discrepancy():
    """The venue had it and has it no more."""
    engine = new_engine()
    opened(engine)
    engine.on_report(BrokerReport(seen()), NOW)
    effects = engine.settle_absent("o-1", NOW)
    assert status_of(engine) is S.CANCELED
    assert [d.code for d in effects.discrepancies] == ["MISSING_AT_VENUE"]


def test_a_cancel_before_the_acknowledgement_is_asked_for_again():
    """The broker cannot cancel what it has not got yet, so the first answer repeats the cancel."""
    engine = new_engine()
    opened(engine)
    assert engine.request_cancel("o-1", NOW).cancels == ["o-1"]
    assert engine.on_report(BrokerReport(seen()), NOW).cancels == ["o-1"]
    engine.on_report(fill_report(1, 4, 4), NOW)
    assert status_of(engine) is S.PENDING_CANCEL
    engine.on_report(fill_report(2, 6, 10), NOW)
    assert status_of(engine) is S.FILLED


def test_canceling_what_has_ended_is_refused():
    """A closed order cannot be canceled, an unknown one is not found."""
    engine = new_engine()
    opened(engine)
    engine.on_report(fill_report(1, 10, 10), NOW)
    with pytest.raises(Precondition) as caught:
        engine.request_cancel("o-1", NOW)
    assert caught.value.code == "ORDER_CLOSED"
    with pytest.raises(NotFound):
        engine.request_cancel("o-9", NOW)


def test_held_back_is_certain():
    """What was not sent ends at once, as canceled when that was wanted."""
    engine = new_engine()
    opened(engine)
    effects = engine.not_sent("o-1", "HALTED", "why", NOW)
    assert status_of(engine) is S.REJECTED
    assert effects.intents[0].state is IntentState.NOT_SENT
    opened(engine, order_id="o-2", client_order_id="c-2")
    engine.request_cancel("o-2", NOW)
    engine.not_sent("o-2", "CANCELED_BEFORE_SEND", "why", NOW)
    assert status_of(engine, "o-2") is S.CANCELED


def test_memory_of_closed_orders_is_bounded():
    """Only the newest closed orders stay in memory; open ones always do."""
    engine = new_engine(closed_kept=2)
    for number in range(5):
        engine.refused(terms(client_order_id=f"r-{number}"), decision(None), f"r-{number}", NOW)
    opened(engine)
    assert [engine.entry(f"r-{n}") is not None for n in range(5)] == [False] * 3 + [True] * 2
    assert engine.by_client_id("r-0") is None
    assert engine.entry("o-1") is not None


def test_a_fill_carries_what_slippage_is_measured_against():
    """The strategy's price where there is one, else risk's mark."""
    engine = new_engine()
    opened(engine)
    effects = engine.on_report(fill_report(1, 10, 10), NOW)
    assert effects.fills[0].reference_price == 100
