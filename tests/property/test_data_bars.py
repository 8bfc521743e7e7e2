"""Bars add up to the trades they came from."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from pi5.data.bars import BarBuilder, begin_of
from pi5.domain.market import Bar, Timeframe, Trade

NS = 1_000_000_000
steps = st.lists(
    st.tuples(
        st.integers(0, 400 * NS),
        st.integers(1, 10_000),
        st.integers(1, 10**12),
    ),
    min_size=1,
    max_size=60,
)


def build(rows: list[tuple[int, int, int]]) -> tuple[list[Trade], list[Bar]]:
    builder = BarBuilder("ACME", "test", since_ns=0)
    time_ns, trades, bars = 1_700_000_000 * NS, [], []
    for wait_ns, price, size in rows:
        time_ns += wait_ns
        trade = Trade("ACME", time_ns, Decimal(price) / 100, Decimal(size).scaleb(-3), 1)
        trades.append(trade)
        bars += builder.on_trade(trade)
    bars += builder.on_time(time_ns + 86_400 * NS)
    return trades, bars


@given(steps)
def test_every_length_conserves_volume_and_order(rows: list[tuple[int, int, int]]) -> None:
    """Bars of each length hold exactly the trades: volume, first, highest, lowest, last."""
    trades, bars = build(rows)
    for timeframe in Timeframe:
        mine = [bar for bar in bars if bar.timeframe is timeframe]
        assert sum(bar.volume for bar in mine) == sum(trade.size for trade in trades)
        assert mine[0].open == trades[0].price
        assert mine[-1].close == trades[-1].price
        times = [bar.time_ns for bar in mine]
        assert times == sorted(set(times))
        for bar in mine:
            inside = [t for t in trades if begin_of(t.time_ns, timeframe) == bar.time_ns]
            prices = [trade.price for trade in inside]
            assert (bar.open, bar.close) == (prices[0], prices[-1])
            assert (bar.high, bar.low) == (max(prices), min(prices))
            assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high


@given(steps, st.integers(1, 30 * NS))
def test_the_clock_makes_the_same_bars_as_the_trades(
    rows: list[tuple[int, int, int]], tick_ns: int
) -> None:
    """Completing bars by time in between gives the same bars as the trades alone."""
    _, expected = build(rows)
    builder = BarBuilder("ACME", "test", since_ns=0)
    time_ns, bars = 1_700_000_000 * NS, []
    for wait_ns, price, size in rows:
        for at_ns in range(time_ns, time_ns + wait_ns, max(tick_ns, wait_ns // 20 + 1)):
            bars += builder.on_time(at_ns)
        time_ns += wait_ns
        size_decimal = Decimal(size).scaleb(-3)
        bars += builder.on_trade(Trade("ACME", time_ns, Decimal(price) / 100, size_decimal, 1))
    bars += builder.on_time(time_ns + 86_400 * NS)
    key = lambda bar: (bar.timeframe, bar.time_ns)  # noqa: E731
    assert sorted(bars, key=key) == sorted(expected, key=key)


def test_an_interval_that_was_not_seen_whole_gives_no_bar() -> None:
    """A feed that begins within a minute gives no bar for that minute."""
    begin = 1_700_000_000 * NS  # 20 s into a minute
    builder = BarBuilder("ACME", "test", since_ns=begin)
    bars = []
    for second in range(101):
        bars += builder.on_trade(Trade("ACME", begin + second * NS, Decimal(1), Decimal(1), 1))
    minutes = [bar for bar in bars if bar.timeframe is Timeframe.M1]
    assert [(bar.time_ns - begin) // NS for bar in minutes] == [40]
    assert minutes[0].volume == 60
