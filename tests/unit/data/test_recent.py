"""The bounded memory of short bars."""

from __future__ import annotations

from decimal import Decimal

from pi5.data.recent import CAPACITY, RecentBars
from pi5.domain.market import Bar, Timeframe

D = Decimal


def bar(second: int, timeframe: Timeframe = Timeframe.S1) -> Bar:
    price = D(second) / 100 + 1
    return Bar("ACME", timeframe, second * 10**9, price, price, price, price, D(2), "synthetic")


def test_the_oldest_give_way(acme) -> None:
    """The ring keeps the newest bars in order and answers half-open ranges."""
    recent, most = RecentBars(), CAPACITY[Timeframe.S1]
    for second in range(most + 7):
        assert recent.append(bar(second), acme)
    rows = recent.rows("ACME", Timeframe.S1, 0, 2**62)
    assert [row[0] // 10**9 for row in rows] == list(range(7, most + 7))
    part = recent.rows("ACME", Timeframe.S1, 10 * 10**9, 12 * 10**9)
    assert part == [
        (10 * 10**9, 110, 110, 110, 110, 2),
        (11 * 10**9, 111, 111, 111, 111, 2),
    ]
    assert recent.source("ACME", Timeframe.S1) == "synthetic"


def test_long_bars_are_not_kept_here(acme) -> None:
    """Bars of a minute and longer belong into the database."""
    recent = RecentBars()
    assert not recent.append(bar(60, Timeframe.M1), acme)
    assert recent.rows("ACME", Timeframe.M1, 0, 2**62) == []
