"""The books of an account: once only, in order, in one account and one currency."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from pi5.domain.errors import Precondition
from pi5.domain.order import Side
from pi5.portfolio.books import Books

from tests.unit.portfolio.order_log import fill_event

BUY, SELL = Side.BUY, Side.SELL


def books() -> Books:
    return Books("main", "USD", Decimal(1_000))


def test_an_event_is_applied_once() -> None:
    """The same event a second time, or the same execution in another event, changes nothing."""
    kept = books()
    first = fill_event(1, BUY, "2", "10", "0.5")
    assert kept.apply(first) is not None
    assert kept.apply(first) is None
    again = replace(fill_event(2, BUY, "2", "10", "0.5"), fill=first.fill)
    change = kept.apply(again)
    assert change is not None
    assert change.fill is None
    assert kept.sequence == 2
    assert kept.cash == Decimal("979.5")
    assert kept.holdings["trend", "ACME"].position.qty == 2


def test_a_gap_is_a_fault_that_changes_nothing() -> None:
    """A missing event stops the projection, which can then go on from its cursor."""
    kept = books()
    kept.apply(fill_event(1, BUY, "1", "10"))
    with pytest.raises(Precondition) as caught:
        kept.apply(fill_event(3, BUY, "1", "10"))
    assert caught.value.code == "SEQUENCE_GAP"
    assert (kept.sequence, kept.cash) == (1, Decimal(990))


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"account": "other"}, "UNKNOWN_ACCOUNT"), ({"currency": "EUR"}, "CURRENCY_NOT_SUPPORTED")],
)
def test_fills_the_books_cannot_hold_are_refused(fields, code) -> None:
    """A fill of another account or currency is refused by name and not half applied."""
    kept = books()
    with pytest.raises(Precondition) as caught:
        kept.apply(fill_event(1, BUY, "1", "10", **fields))
    assert caught.value.code == code
    assert (kept.sequence, kept.cash, kept.holdings) == (0, Decimal(1_000), {})


def test_staged_books_leave_the_live_ones_alone() -> None:
    """What is applied to a copy shows nowhere until the copy is adopted."""
    live = books()
    live.apply(fill_event(1, BUY, "1", "10"))
    staged = live.staged()
    staged.apply(fill_event(2, BUY, "1", "20"))
    assert (live.sequence, live.cash) == (1, Decimal(990))
    assert live.differences(staged) != []
    assert (staged.sequence, staged.cash) == (2, Decimal(970))
    # The copy was dropped: the same event may be applied again.
    retry = live.staged()
    retry.apply(fill_event(2, BUY, "1", "20"))
    assert retry.differences(staged) == []


def closed_trades(*events):
    kept = books()
    return [c.closed_trade for e in events if (c := kept.apply(e)) and c.closed_trade]


def test_a_trade_runs_from_opening_to_closing() -> None:
    """The journal averages entries and exits and takes all fees off the profit."""
    (trade,) = closed_trades(
        fill_event(1, BUY, "2", "10", "0.10"),
        fill_event(2, BUY, "1", "13", "0.10"),
        fill_event(3, SELL, "1", "14", "0.10"),
        fill_event(4, SELL, "2", "12.5", "0.20"),
    )
    assert (trade.side, trade.qty) == (BUY, 3)
    assert trade.entry_price == 11
    assert trade.exit_price == 13
    assert trade.pnl == Decimal("5.5")
    assert (trade.opened_at_ns, trade.closed_at_ns) == (1, 4)


def test_going_through_zero_closes_one_trade_and_opens_the_next() -> None:
    """A fill larger than the position is split, and so is its fee, without losing a digit."""
    first, second = closed_trades(
        fill_event(1, BUY, "1", "10"),
        fill_event(2, SELL, "3", "12", "1"),
        fill_event(3, BUY, "2", "11", "0.5"),
    )
    assert (first.side, first.pnl + first.fees) == (BUY, 2)
    assert (second.side, second.qty, second.pnl + second.fees) == (SELL, 2, 2)
    assert first.fees + second.fees == Decimal("1.5")
