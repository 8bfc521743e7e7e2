"""The books of a position balance exactly, whatever is traded in whatever order."""

from __future__ import annotations

from decimal import Decimal, localcontext

from hypothesis import given
from hypothesis import strategies as st
from pi5.domain.money import EXACT, from_ticks, parse_decimal, to_ticks, wire
from pi5.domain.order import Side
from pi5.domain.position import Position

prices = st.integers(1, 10**9).map(lambda ticks: Decimal(ticks).scaleb(-4))
quantities = st.integers(1, 10**9).map(lambda lots: Decimal(lots).scaleb(-3))
fees = st.integers(0, 10**6).map(lambda cents: Decimal(cents).scaleb(-2))
fills = st.lists(st.tuples(st.sampled_from(Side), quantities, prices, fees), max_size=40)


@given(fills, prices)
def test_profit_equals_cash_plus_value(trades, mark: Decimal) -> None:
    """Realised + unrealised - fees is the change of cash plus the value held, to the last digit."""
    position, cash, held = Position(), Decimal(0), Decimal(0)
    with localcontext(EXACT):
        for side, qty, price, fee in trades:
            position = position.after_fill(side, qty, price, fee, 1)
            cash -= side.sign * qty * price + fee
            held += side.sign * qty
        assert position.qty == held
        profit = position.realized_pnl + position.unrealized_pnl(mark) - position.fees
        assert profit == cash + held * mark


@given(fills)
def test_a_flat_position_has_no_cost(trades) -> None:
    """Whenever nothing is held, no cost is left and nothing is open."""
    position = Position()
    for side, qty, price, fee in trades:
        position = position.after_fill(side, qty, price, fee, 7)
        assert (position.qty == 0) == (position.opened_at_ns == 0)
        if position.qty == 0:
            assert position.cost == 0


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=9, min_value=-(10**12), max_value=10**12
    )
)
def test_decimals_survive_the_wire(value: Decimal) -> None:
    """Writing and reading a decimal gives the same number."""
    assert parse_decimal(wire(value)) == value


@given(st.integers(-(10**15), 10**15), st.integers(0, 9))
def test_ticks_survive_the_round_trip(ticks: int, scale: int) -> None:
    """Integer ticks and decimals convert without loss."""
    assert to_ticks(from_ticks(ticks, scale), scale) == ticks
