"""Sizing of signals, life of reservations, views that overtake the log, the day's loss."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from pi5.domain.errors import Precondition
from pi5.domain.limits import Limits, Sizing, SizingMethod
from pi5.domain.order import OrderStatus, OrderType, Side
from pi5.risk.engine import RiskEngine
from pi5.risk.state import snapshot

from tests.unit.risk.worlds import MS, NOW, engine, instrument, log_event, order, signal, view

BUY, SELL = Side.BUY, Side.SELL
S = OrderStatus
HELD = {("trend", "ACME"): Decimal(30)}


def judge(made: RiskEngine, wish, name: str = "c1"):
    return made.evaluate_signal(wish, "main", NOW, "d", name)


def test_a_signal_is_sized_by_a_fraction_of_equity() -> None:
    """5 % of 100,000 at 123.40 in lots of 1 are 40 units, as a market order."""
    decision = judge(engine(price="123.40"), signal())
    assert decision.approved_order is not None
    assert (decision.approved_order.qty, decision.approved_order.type) == (40, OrderType.MARKET)
    assert decision.reserved == Decimal("4936.00")
    assert decision.sizing == ("5 % of equity 100000.00 is 5000.00; at 123.4, in lots of 1: 40")


def test_a_signal_is_sized_by_a_fixed_quantity() -> None:
    """The fixed quantity is rounded down to the lot."""
    sizing = Sizing(SizingMethod.FIXED_QTY, fixed_qty=Decimal("7.9"))
    decision = judge(engine(limits=Limits(sizing=sizing)), signal())
    assert decision.approved_order is not None
    assert decision.approved_order.qty == 7


def test_strength_and_confidence_do_not_change_the_size() -> None:
    """The size can be foreseen from the settings alone."""
    weak = judge(engine(), signal(strength=0.1, confidence=0.1))
    assert weak.approved_order is not None
    assert weak.approved_order.qty == 50


@pytest.mark.parametrize(
    ("wish", "positions", "expected"),
    [
        (signal(SELL), {}, "NOTHING_TO_SELL"),
        (signal(SELL, close_only=True), {}, "NOTHING_TO_SELL"),
        (signal(BUY, close_only=True), {}, "NOTHING_TO_CLOSE"),
        (signal(BUY, close_only=True), HELD, "NOTHING_TO_CLOSE"),
        (signal(SELL), {("other", "ACME"): Decimal(5)}, "NOTHING_TO_SELL"),
        (signal(BUY, symbol="NOPE"), {}, "UNKNOWN_SYMBOL"),
    ],
)
def test_signals_without_a_size_are_refused_with_the_reason(wish, positions, expected) -> None:
    """Every signal ends in an order or in a stored reason why not."""
    decision = judge(engine(positions=positions), wish)
    assert not decision.approved
    assert decision.reject_code == expected
    assert decision.reject_reason
    assert decision.approved_order is None


def test_a_small_account_is_told_that_the_size_is_too_small() -> None:
    """A fraction that buys less than a lot is a refusal, not an order of nothing."""
    assert judge(engine(price="5000.01"), signal()).reject_code == "SIZE_TOO_SMALL"


def test_a_signal_against_the_position_closes_exactly_what_is_held() -> None:
    """A sell closes the long position, once; a second finds nothing left to sell."""
    made = engine(positions=HELD)
    first = judge(made, signal(SELL), "a")
    assert first.approved_order is not None
    assert first.approved_order.qty == 30
    assert first.reserved == 0
    assert judge(made, signal(SELL), "b").reject_code == "NOTHING_TO_SELL"


def test_a_buy_against_a_short_position_covers_it() -> None:
    """Going through zero takes a second signal."""
    made = engine(positions={("trend", "ACME"): Decimal(-30)}, limits=Limits(allow_short=True))
    cover = judge(made, signal(BUY))
    assert cover.approved_order is not None
    assert cover.approved_order.qty == 30


def test_an_amount_becomes_a_quantity() -> None:
    """An order by notional buys what the amount pays for, in whole lots."""
    terms = replace(order(1), qty=None, notional=Decimal(1_050))
    decision = engine().evaluate_order(terms, NOW, "d")
    assert decision.approved_order is not None
    assert (decision.approved_order.qty, decision.approved_order.notional) == (10, None)
    neither = engine().evaluate_order(replace(terms, notional=None), NOW, "d")
    assert neither.reject_code == "QTY_NOT_POSITIVE"
    too_little = engine().evaluate_order(replace(terms, notional=Decimal(99)), NOW, "d")
    assert too_little.reject_code == "SIZE_TOO_SMALL"


def test_a_what_if_reserves_nothing() -> None:
    """Asking what would be decided leaves the limits as they are."""
    made = engine()
    for _ in range(3):
        assert made.evaluate_order(order(150), NOW, "d", reserve=False).approved
    assert len(made.reservations) == 0


def test_the_same_order_judged_again_is_counted_once() -> None:
    """A repeated evaluation replaces its reservation; once in the log it is a duplicate."""
    made = engine()
    for _ in range(3):
        assert made.evaluate_order(order(150), NOW, "d").approved
    assert len(made.reservations) == 1
    made.on_order_event(log_event(1, order(150), S.PENDING_NEW))
    again = made.evaluate_order(order(1), NOW, "d")
    assert again.reject_code == "DUPLICATE_CLIENT_ORDER_ID"


def free(made: RiskEngine) -> int:
    """Return how many units of ACME may still be bought."""
    low, high = 0, 1_000
    while low < high:
        middle = (low + high + 1) // 2
        probe = made.evaluate_order(order(middle, name="probe"), NOW, "d", reserve=False)
        low, high = (middle, high) if probe.approved else (low, middle - 1)
    return low


def test_a_reservation_lasts_until_the_view_contains_what_became_of_it() -> None:
    """At every step exactly 150 units are free, used or reserved, never 149 or 151."""
    made, terms = engine(), order(100)
    made.evaluate_order(terms, NOW, "d")
    assert free(made) == 50
    made.on_order_event(log_event(1, terms, S.PENDING_NEW))
    made.on_order_event(log_event(2, terms, S.PARTIALLY_FILLED, fill=40))
    assert free(made) == 50
    made.on_portfolio(view(2, positions={("trend", "ACME"): Decimal(40)}))
    assert free(made) == 50
    made.on_order_event(log_event(3, terms, S.FILLED, fill=60))
    assert free(made) == 50
    assert len(made.reservations) == 1
    made.on_portfolio(view(3, positions={("trend", "ACME"): Decimal(100)}))
    assert free(made) == 50
    assert len(made.reservations) == 0


def test_what_can_no_longer_be_filled_is_given_back_at_once() -> None:
    """A cancel frees the rest; the filled part stays reserved until the view has it."""
    made, terms = engine(), order(100)
    made.evaluate_order(terms, NOW, "d")
    made.on_order_event(log_event(1, terms, S.PARTIALLY_FILLED, fill=30))
    made.on_order_event(log_event(2, terms, S.CANCELED))
    assert free(made) == 120
    made.on_portfolio(view(1, positions={("trend", "ACME"): Decimal(30)}))
    assert free(made) == 120
    made.on_portfolio(view(2, positions={("trend", "ACME"): Decimal(30)}))
    assert free(made) == 120
    assert len(made.reservations) == 0


def test_a_fill_after_the_end_is_reserved_until_the_view_has_it() -> None:
    """A late fill of an order that was canceled and forgotten still counts."""
    made, terms = engine(), order(100)
    made.evaluate_order(terms, NOW, "d")
    made.on_order_event(log_event(1, terms, S.CANCELED))
    made.on_portfolio(view(1))
    assert free(made) == 150
    made.on_order_event(log_event(2, terms, S.CANCELED, fill=100))
    assert free(made) == 50
    made.on_portfolio(view(2, positions={("trend", "ACME"): Decimal(100)}))
    assert free(made) == 50


def test_an_exit_right_after_its_entry_closes_what_the_view_does_not_show_yet() -> None:
    """What the order log says is filled can be sold at once, and only once."""
    made, terms = engine(), order(100)
    made.evaluate_order(terms, NOW, "d")
    made.on_order_event(log_event(1, terms, S.FILLED, fill=100))
    wish = signal(Side.SELL, strategy_id=terms.strategy_id, close_only=True)
    closing = made.evaluate_signal(wish, terms.account, NOW, "d2", "exit")
    assert closing.approved
    assert closing.approved_order is not None
    assert closing.approved_order.qty == 100
    again = made.evaluate_signal(wish, terms.account, NOW, "d3", "again")
    assert (again.approved, again.reject_code) == (False, "NOTHING_TO_SELL")


def test_a_view_ahead_of_the_log_waits_for_it() -> None:
    """A fill is not counted in the view and in the reservation at the same time."""
    made, terms = engine(), order(100)
    made.evaluate_order(terms, NOW, "d")
    ahead = view(1, positions={("trend", "ACME"): Decimal(100)})
    assert not made.on_portfolio(ahead)
    assert free(made) == 50
    made.on_order_event(log_event(1, terms, S.FILLED, fill=100))
    assert made.view("main") == ahead
    assert free(made) == 50


def test_a_view_that_falls_behind_is_dropped_and_lag_blocks() -> None:
    """A view older than one that was used is no view; events it lacks for long block opening."""
    made, terms = engine(), order(100)
    made.on_order_event(log_event(1, terms, S.FILLED, fill=100))
    late = NOW + 10_001 * MS
    made.on_mark("ACME", Decimal(100), late)
    made.on_portfolio(view(0, time_ns=late))
    behind = made.evaluate_order(order(1, name="b"), late, "d")
    assert behind.reject_code == "PORTFOLIO_BEHIND"
    made.on_portfolio(view(1, time_ns=late, positions={("trend", "ACME"): Decimal(100)}))
    assert made.evaluate_order(order(1, name="b"), late, "d").approved
    assert not made.on_portfolio(view(0, time_ns=late))


def test_an_unused_approval_lapses_only_when_the_log_proves_it() -> None:
    """Silence of the log is no proof that an order was never made."""
    made = engine()
    made.evaluate_order(order(100), NOW, "d")
    lapse = NOW + 5_000 * MS
    assert made.expire(lapse + 60_000 * MS) == []
    made.on_log_caught_up(lapse - 1)
    assert made.expire(lapse + 60_000 * MS) == []
    made.on_log_caught_up(lapse)
    (lapsed,) = made.expire(lapse)
    assert lapsed.client_order_id == "c1"
    assert free(made) == 150


def test_a_working_order_never_lapses() -> None:
    """Once the order is in the log, only the log ends its reservation, however long it works."""
    made = engine()
    made.evaluate_order(order(100), NOW, "d")
    made.on_order_event(log_event(1, order(100), S.PENDING_NEW))
    later = NOW + 3_600_000 * MS
    made.on_log_caught_up(later)
    assert made.expire(later) == []
    assert free(made) == 50


def test_a_gap_in_the_log_is_a_fault() -> None:
    """Risk does not guess what it missed."""
    made = engine()
    with pytest.raises(Precondition) as caught:
        made.on_order_event(log_event(2, order(1), S.PENDING_NEW))
    assert caught.value.code == "SEQUENCE_GAP"
    assert made.sequence == 0


def test_the_daily_loss_survives_a_restart_of_everything() -> None:
    """The day's beginning that risk stored holds, even where portfolio has forgotten it."""
    made = engine(equity=Decimal(96_000))
    assert made.evaluate_order(order(1), NOW, "d").reject_code == "DAILY_LOSS_LIMIT"
    again = RiskEngine(instruments={"ACME": instrument()})
    again.on_mark("ACME", Decimal(100), NOW)
    again.restore(0, [], list(made.days.values()))
    forgetful = view(equity=Decimal(96_000), day_start_equity=Decimal(96_000))
    again.on_portfolio(forgetful)
    assert again.evaluate_order(order(1), NOW, "d").reject_code == "DAILY_LOSS_LIMIT"
    tomorrow = NOW + 24 * 3_600_000 * MS
    again.on_mark("ACME", Decimal(100), tomorrow)
    again.on_portfolio(
        view(time_ns=tomorrow, equity=Decimal(96_000), day_start_equity=Decimal(96_000))
    )
    assert again.evaluate_order(order(1), tomorrow, "d").approved


def test_reservations_survive_a_restart() -> None:
    """What was working before the restart is reserved after it, and old views are not taken."""
    made, terms = engine(), order(100)
    made.evaluate_order(terms, NOW, "d")
    made.on_order_event(log_event(1, terms, S.PENDING_NEW))
    again = RiskEngine(instruments={"ACME": instrument()})
    again.on_mark("ACME", Decimal(100), NOW)
    again.restore(1, list(made.reservations), [])
    assert not again.on_portfolio(view(0))
    assert again.on_portfolio(view(1))
    assert free(again) == 50


def test_the_state_shows_use_and_protections() -> None:
    """A breached daily loss is shown as what it blocks and until when."""
    made = engine(equity=Decimal(96_000), positions=HELD)
    state = snapshot(made, "main", NOW)
    assert state.exposure == 3_000
    assert state.day_pnl == -4_000
    uses = {use.check: use.used for use in state.limit_uses}
    assert uses["daily_loss"] == pytest.approx(4 / 3)
    assert uses["exposure"] == pytest.approx(3_000 / 86_400)
    (protection,) = state.protections
    assert protection.name == "daily_loss"
    assert protection.until_ns > NOW
    assert state.blocks == ()
    assert "STALE_PORTFOLIO" in snapshot(made, "main", NOW + 11_000 * MS).blocks
    assert snapshot(RiskEngine(), "main", NOW).blocks == ("NO_PORTFOLIO",)
