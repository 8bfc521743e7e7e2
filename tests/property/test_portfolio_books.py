"""To the cent: whatever is traded, however often events are repeated, the books balance."""

from __future__ import annotations

from decimal import Decimal, localcontext

from hypothesis import given
from hypothesis import strategies as st
from pi5.domain.money import EXACT
from pi5.domain.order import Side
from pi5.portfolio.books import Books, Holding
from pi5.portfolio.engine import PortfolioEngine

from tests.unit.portfolio.order_log import fill_event

SYMBOLS, STRATEGIES = ("ACME", "GLOBEX"), ("a", "b")
prices = st.integers(1, 10**7).map(lambda ticks: Decimal(ticks).scaleb(-4))
fills = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.integers(1, 10**6).map(lambda lots: Decimal(lots).scaleb(-3)),
        prices,
        st.integers(0, 10**4).map(lambda cents: Decimal(cents).scaleb(-2)),
        st.sampled_from(SYMBOLS),
        st.sampled_from(STRATEGIES),
    ),
    max_size=40,
)
INITIAL = Decimal(100_000)


def log_of(trades):
    return [fill_event(n, *trade) for n, trade in enumerate(trades, start=1)]


@given(fills, st.tuples(prices, prices), st.data())
def test_fills_cash_and_equity_balance_exactly(trades, marks, data) -> None:
    """Sum of fills is the position; initial cash - buys + sells - fees is cash; + marks equity."""
    events = log_of(trades)
    engine = PortfolioEngine("main", "USD", INITIAL)
    position = 0
    while position < len(events):
        engine.on_order_event(events[position])
        position += 1
        # Delivery is at least once: now and then the stream goes back and repeats.
        position -= data.draw(st.integers(0, min(position, 3))) if data.draw(st.booleans()) else 0
        for event in events[position : engine.books.sequence]:
            assert engine.on_order_event(event) is None
        position = engine.books.sequence
    for symbol, price in zip(SYMBOLS, marks, strict=True):
        engine.on_mark(symbol, price, 1)
    with localcontext(EXACT):
        for key in ((strategy, symbol) for strategy in STRATEGIES for symbol in SYMBOLS):
            expected = sum(
                (t[0].sign * t[1] for t in trades if (t[5], t[4]) == key), start=Decimal(0)
            )
            assert engine.books.holdings.get(key, Holding()).position.qty == expected
        cash = INITIAL - sum(t[0].sign * t[1] * t[2] + t[3] for t in trades)
        assert engine.books.cash == cash
        held = sum(t[0].sign * t[1] * marks[SYMBOLS.index(t[4])] for t in trades)
        summary = engine.summary(1)
        assert summary.equity == cash + held
        assert engine.total().net_pnl == summary.equity - INITIAL
        profit = summary.realized_pnl + summary.unrealized_pnl - summary.fees
        assert profit == summary.equity - INITIAL


@given(fills, st.lists(st.integers(0, 40), max_size=5))
def test_batches_and_restarts_change_nothing(trades, cuts) -> None:
    """Staged batches of any size, dropped and repeated, give the books of one straight run."""
    events = log_of(trades)
    straight = Books("main", "USD", INITIAL)
    for event in events:
        straight.apply(event)
    live = Books("main", "USD", INITIAL)
    for cut in [*cuts, len(events)]:
        dropped = live.staged()
        for event in events[live.sequence : cut]:
            dropped.apply(event)
        staged = live.staged()
        for event in events[live.sequence : cut]:
            staged.apply(event)
        staged.settle()
        live = staged
    assert live.differences(straight) == []


@given(fills)
def test_the_journal_agrees_with_realised_profit(trades) -> None:
    """Once flat, profits of closed trades are the realised profit less all fees."""
    books = Books("main", "USD", INITIAL)
    closed = Decimal(0)
    number = 0
    with localcontext(EXACT):
        for number, trade in enumerate(trades, start=1):
            change = books.apply(fill_event(number, *trade))
            assert change is not None
            closed += change.closed_trade.pnl if change.closed_trade else 0
        for (strategy, symbol), holding in list(books.holdings.items()):
            qty = holding.position.qty
            if qty:
                number += 1
                side = Side.SELL if qty > 0 else Side.BUY
                change = books.apply(
                    fill_event(number, side, abs(qty), "5.5", "0.01", symbol, strategy)
                )
                assert change is not None
                assert change.closed_trade is not None
                closed += change.closed_trade.pnl
        assert books.cash == INITIAL + closed
