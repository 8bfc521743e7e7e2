"""What a run's result is made of: thinning, daily figures, buy and hold, identity."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pi5.backtest.digest import Digest, IdSequence
from pi5.backtest.result import Curve, Journal, Point
from pi5.backtest.spec import Costs, Spec
from pi5.domain.errors import InvalidInput
from pi5.domain.market import Bar, Timeframe

DAY_NS = 86_400_000_000_000
D = Decimal


def bar(day: int, close: str, symbol: str = "ACME") -> Bar:
    price = D(close)
    return Bar(symbol, Timeframe.D1, day * DAY_NS, price, price, price, price, D(1))


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 19, 20, 21, 1_000, 12_345])
def test_the_curve_stays_small_and_keeps_both_ends(count: int) -> None:
    """However long the run, at most so many points, in order, the first and the newest kept."""
    curve = Curve(most=10)
    for number in range(count):
        curve.add(Point(number, D(number), D(0), 0.0))
    times = [point.time_ns for point in curve.points()]
    assert len(times) <= 10
    assert (times[0], times[-1]) == (0, count - 1)
    assert times == sorted(set(times))
    if count >= 10:
        assert len(times) >= 5, "not thinner than needed"


def test_the_golden_returns_give_the_golden_figures() -> None:
    """Sharpe, Sortino, drawdown, growth and volatility as two other libraries compute them."""
    golden = [-0.010, 0.012, 0.004, -0.006, 0.0, 0.009, -0.015, 0.007, 0.011, -0.003, 0.002, 0.005]
    journal = Journal(D(10**12))
    equity = D(10**12)
    for day, change in enumerate(golden):
        equity *= 1 + D(str(change))
        journal.bar(bar(day, "1"))
        journal.moment(day * DAY_NS, (day + 1) * DAY_NS, equity, equity)
    figures = journal.result(equity, D(0), D(0), False, "").performance
    assert figures.sharpe == pytest.approx(2.499704124503, rel=1e-11)
    assert figures.sortino == pytest.approx(3.811788258774, rel=1e-11)
    assert figures.max_drawdown == pytest.approx(-0.015, rel=1e-11)
    assert figures.cagr == pytest.approx(0.387484513802, rel=1e-11)
    assert figures.volatility == pytest.approx(0.134415908149, rel=1e-11)
    assert (figures.win_rate, figures.profit_factor, figures.exposure) == (None, None, 0.0)


def test_bars_within_a_day_make_one_daily_return() -> None:
    """Sharpe is of days, however short the bars are."""
    journal = Journal(D(100))
    for hour, worth in [(0, 90), (8, 120), (16, 110), (24, 121)]:
        time_ns = hour * DAY_NS // 24
        journal.moment(time_ns, time_ns + 1, D(worth), D(worth))
    assert journal._closes == [D(110), D(121)]


def test_buy_and_hold_is_the_mean_over_the_symbols() -> None:
    """One doubles, one stays: half."""
    journal = Journal(D(100))
    for day, (one, two) in enumerate([("10", "5"), ("20", "5")]):
        journal.bar(bar(day, one))
        journal.bar(bar(day, two, "GLOBEX"))
    assert journal.result(D(1), D(0), D(0), False, "").buy_and_hold_return == 0.5


def test_ids_follow_from_the_seed() -> None:
    """Another seed gives other ids, the same seed the same, and none twice."""
    one, same, other = IdSequence(1), IdSequence(1), IdSequence(2)
    first = [one() for _ in range(1_000)]
    assert first == [same() for _ in range(1_000)]
    assert len(set(first)) == 1_000
    assert not set(first) & {other() for _ in range(1_000)}


def test_the_digest_does_not_care_how_a_number_was_written() -> None:
    """5.0 from a file and 5.000 from the wire are the same input; another price is not."""
    digests = []
    for close in ("5.0", "5.000", "5.001"):
        digest = Digest(Spec("x", ("ACME",), initial_cash=D(close)).canonical())
        digest.bar(bar(1, close))
        digests.append(digest.hexdigest())
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (Spec("x", ()), "spec.symbols"),
        (Spec("x", tuple(map(str, range(101)))), "spec.symbols"),
        (Spec("x", ("A",), initial_cash=D(0)), "spec.initial_cash"),
        (Spec("x", ("A",), start_ns=5, end_ns=5), "spec.end_time"),
        (Spec("x", ("A",), costs=Costs(fee_rate=D(-1))), "spec.costs.fee_rate"),
        (Spec("x", ("A",), costs=Costs(slippage_rate=D(1))), "spec.costs.slippage_rate"),
        (Spec("x", ("A",), costs=Costs(max_volume_share=D(0))), "spec.costs.max_volume_share"),
    ],
)
def test_a_senseless_spec_is_refused_with_its_field(spec: Spec, field: str) -> None:
    """What cannot be run is said before anything runs."""
    with pytest.raises(InvalidInput) as caught:
        spec.check()
    assert caught.value.field == field
