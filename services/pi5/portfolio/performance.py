"""Statistics of performance, pure. What is not defined is None: never infinity, never NaN.

Definitions: daily equity returns r including flat days, with the starting equity as the first
point; Sharpe = mean(r - rf) / std(ddof 1) · √P; Sortino = mean(r - mar) / √mean(min(r - mar, 0)²)
· √P; CAGR = (last / first)^(P/n) - 1 over n periods; drawdown = equity over its highest so far,
minus one. P is 252 for instruments with sessions and 365 for those that trade every day. Rates are
a period's, not a year's. Win rate, profit factor and expectancy count closed trades, not days.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from itertools import pairwise

from pi5.domain.money import EXACT, ZERO

# Below this a deviation is rounding of the inputs, not risk: a ratio over it means nothing.
_NOTHING = 1e-12
_DAY_NS = 86_400_000_000_000
_SATURDAY = 5


def daily_equities(
    first: Decimal, closes: Sequence[tuple[date, Decimal]], every_day: bool
) -> list[Decimal]:
    """Return one equity a day: the starting one, then each day's last; a day without one is flat.

    Args:
        first: equity before the first day.
        closes: last equity of each day that has one, days ascending.
        every_day: False leaves Saturdays and Sundays out.

    >>> closes = [(date(2024, 1, 5), Decimal(11)), (date(2024, 1, 8), Decimal(12))]
    >>> [str(equity) for equity in daily_equities(Decimal(10), closes, every_day=True)]
    ['10', '11', '11', '11', '12']
    >>> [str(equity) for equity in daily_equities(Decimal(10), closes, every_day=False)]
    ['10', '11', '12']
    """
    series, known = [first], dict(closes)
    day = closes[0][0] if closes else None
    while day is not None and day <= closes[-1][0]:
        if every_day or day.weekday() < _SATURDAY:
            series.append(known.get(day, series[-1]))
        day += timedelta(days=1)
    return series


def returns(equities: Sequence[Decimal | float]) -> list[float]:
    """Return the change from each value to the next as a fraction; empty if one is not positive.

    >>> [round(r, 6) for r in returns([100.0, 110.0, 99.0])]
    [0.1, -0.1]
    """
    values = [float(equity) for equity in equities]
    if any(value <= 0 for value in values):
        return []
    return [after / before - 1.0 for before, after in pairwise(values)]


def mean(values: Sequence[float]) -> float | None:
    """Return the mean; None of nothing."""
    return math.fsum(values) / len(values) if values else None


def deviation(values: Sequence[float]) -> float | None:
    """Return the sample standard deviation; None below two values."""
    centre = mean(values)
    if centre is None or len(values) < 2:
        return None
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))


def volatility(daily: Sequence[float], periods_per_year: int) -> float | None:
    """Return the standard deviation of returns, per year."""
    spread = deviation(daily)
    return None if spread is None else spread * math.sqrt(periods_per_year)


def sharpe(daily: Sequence[float], periods_per_year: int, rate: float = 0.0) -> float | None:
    """Return the Sharpe ratio, per year; None for constant returns."""
    excess = [value - rate for value in daily]
    centre, spread = mean(excess), deviation(excess)
    if centre is None or spread is None or spread < _NOTHING:
        return None
    return centre / spread * math.sqrt(periods_per_year)


def sortino(daily: Sequence[float], periods_per_year: int, target: float = 0.0) -> float | None:
    """Return the Sortino ratio, per year; None when no return fell below the target."""
    if len(daily) < 2:
        return None
    centre = mean([value - target for value in daily])
    below = math.sqrt(math.fsum(min(value - target, 0.0) ** 2 for value in daily) / len(daily))
    if centre is None or below < _NOTHING:
        return None
    return centre / below * math.sqrt(periods_per_year)


def cagr(first: float, last: float, periods: int, periods_per_year: int) -> float | None:
    """Return the compound annual growth rate; None without time, or when it has no number."""
    if first <= 0 or last <= 0 or periods <= 0:
        return None
    try:
        growth = math.pow(last / first, periods_per_year / periods) - 1.0
    except OverflowError:
        return None
    return growth if math.isfinite(growth) else None


def calmar(growth: float | None, drawdown: float | None) -> float | None:
    """Return CAGR over the largest drawdown; None where there was none."""
    if growth is None or drawdown is None or drawdown > -_NOTHING:
        return None
    return growth / -drawdown


class DrawdownTracker:
    """The largest fall from a high, and how long it lasted, in one pass and constant memory."""

    def __init__(self) -> None:
        self._high = 0.0
        self._high_ns = 0
        self._last_ns = 0
        self._worst = 0.0
        self._worst_high_ns = 0
        self._recovered_ns: int | None = None
        self._points = 0

    def add(self, time_ns: int, equity: float) -> None:
        """Take the next point of the equity curve; times ascend."""
        self._points += 1
        self._last_ns = time_ns
        if equity >= self._high:
            if self._recovered_ns is None and self._worst_high_ns == self._high_ns:
                self._recovered_ns = time_ns
            self._high, self._high_ns = equity, time_ns
        fall = equity / self._high - 1.0 if self._high > 0 else 0.0
        if fall < self._worst:
            self._worst, self._worst_high_ns = fall, self._high_ns
            self._recovered_ns = None

    @property
    def worst(self) -> float | None:
        """The largest fall as a fraction, 0 or negative; None without points."""
        return self._worst if self._points else None

    @property
    def days(self) -> float | None:
        """Days from the high before the largest fall until it was reached again, or the end."""
        if not self._points:
            return None
        if self._worst == 0.0:
            return 0.0
        end = self._recovered_ns if self._recovered_ns is not None else self._last_ns
        return (end - self._worst_high_ns) / _DAY_NS


@dataclass(frozen=True, slots=True)
class TradeStatistics:
    """Figures of closed trades; undefined ones are None."""

    count: int
    win_rate: float | None
    profit_factor: float | None
    expectancy: Decimal | None


def trade_statistics(profits: Sequence[Decimal]) -> TradeStatistics:
    """Return the figures of closed trades from their profits after fees.

    >>> trade_statistics([Decimal(3), Decimal(-1)])
    TradeStatistics(count=2, win_rate=0.5, profit_factor=3.0, expectancy=Decimal('1'))
    >>> trade_statistics([]).win_rate is None
    True
    """
    if not profits:
        return TradeStatistics(0, None, None, None)
    with localcontext(EXACT):
        won = sum((profit for profit in profits if profit > 0), ZERO)
        lost = -sum((profit for profit in profits if profit < 0), ZERO)
        expectancy = round((won - lost) / len(profits), 12).normalize()
        factor = float(won / lost) if lost else None
    wins = sum(1 for profit in profits if profit > 0)
    return TradeStatistics(len(profits), wins / len(profits), factor, expectancy)
