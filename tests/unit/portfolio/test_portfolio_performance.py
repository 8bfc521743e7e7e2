"""The statistics of performance against values that two libraries agree on."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pi5.portfolio import performance as figures

GOLDEN = [-0.010, 0.012, 0.004, -0.006, 0, 0.009, -0.015, 0.007, 0.011, -0.003, 0.002, 0.005]
DAY = 86_400_000_000_000


def curve(returns: list[float]) -> list[float]:
    equities = [100.0]
    for value in returns:
        equities.append(equities[-1] * (1 + value))
    return equities


def tracked(equities: list[float]) -> figures.DrawdownTracker:
    tracker = figures.DrawdownTracker()
    for day, equity in enumerate(equities):
        tracker.add(day * DAY, equity)
    return tracker


def test_ratios_equal_the_golden_series() -> None:
    """Sharpe, Sortino, volatility, CAGR and drawdown equal the published figures to 1e-12."""
    equities = curve(GOLDEN)
    assert figures.returns(equities) == pytest.approx(GOLDEN, abs=1e-12)
    assert figures.sharpe(GOLDEN, 252) == pytest.approx(2.499704124503, abs=1e-12)
    assert figures.sortino(GOLDEN, 252) == pytest.approx(3.811788258774, abs=1e-12)
    assert figures.volatility(GOLDEN, 252) == pytest.approx(0.134415908149, abs=1e-12)
    growth = figures.cagr(equities[0], equities[-1], len(GOLDEN), 252)
    assert growth == pytest.approx(0.387484513802, abs=1e-12)
    assert tracked(equities).worst == pytest.approx(-0.015, abs=1e-12)
    assert figures.calmar(growth, -0.015) == pytest.approx(0.387484513802 / 0.015)


def test_undefined_figures_are_none() -> None:
    """Nothing is infinite, not a number, or made up where there is nothing to divide by."""
    constant = [0.001] * 10
    assert figures.sharpe(constant, 252) is None
    assert figures.sortino(constant, 252) is None
    assert figures.sharpe([0.01], 252) is None
    assert figures.volatility([0.01], 252) is None
    assert figures.cagr(100.0, 0.0, 10, 252) is None
    assert figures.cagr(1e-300, 1e300, 1, 365) is None
    assert figures.calmar(0.2, 0.0) is None
    assert figures.returns([100.0, 0.0, 50.0]) == []
    assert tracked([]).worst is None
    assert tracked([]).days is None
    only_wins = figures.trade_statistics([Decimal(2), Decimal(1)])
    assert (only_wins.win_rate, only_wins.profit_factor) == (1.0, None)
    assert figures.trade_statistics([]).expectancy is None


def test_a_loss_on_the_first_day_is_a_drawdown() -> None:
    """The starting equity is the first point, so 10,000 to 9,000 at once is a fall of 10 %."""
    assert tracked([10_000.0, 9_000.0]).worst == pytest.approx(-0.1)


def test_drawdown_lasts_until_the_high_is_reached_again() -> None:
    """The length of the largest drawdown runs from its high to recovery, or to the end."""
    recovered = tracked([100, 110, 90, 100, 110, 120, 115])
    assert recovered.worst == pytest.approx(90 / 110 - 1)
    assert recovered.days == 3
    unrecovered = tracked([100, 110, 90, 100, 95])
    assert unrecovered.days == 3
    assert tracked([100, 101, 102]).days == 0


def test_flat_days_count() -> None:
    """Leaving flat days out would raise the Sharpe ratio; they are kept."""
    with_flat = figures.sharpe([0.01, 0.0, 0.0, -0.002, 0.0], 365)
    without = figures.sharpe([0.01, -0.002], 365)
    assert with_flat is not None
    assert without is not None
    assert with_flat < without
