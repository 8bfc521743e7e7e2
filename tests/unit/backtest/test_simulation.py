"""The simulation on real history: golden figures, independent checks, isolation, recipe."""

from __future__ import annotations

import ast
import csv
from datetime import date
from decimal import Decimal, localcontext
from pathlib import Path

import pi5.data
import pytest
from pi5.backtest import local
from pi5.backtest.engine import Canceled, Simulation
from pi5.backtest.result import BacktestResult
from pi5.backtest.spec import Costs, Spec
from pi5.domain.errors import InvalidInput, NotFound, Precondition
from pi5.domain.limits import DEFAULT_LIMITS, Limits
from pi5.domain.market import Timeframe
from pi5.domain.money import EXACT
from pi5.strategy.engine import StrategyEngine
from pi5.strategy.loader import load_catalog

SAMPLES = Path(pi5.data.__file__).parent / "samples"
GOLDEN_TRADES = 130
GOLDEN_DIGEST = "014f38cad75441d838ffb7f0cfb70c4f70665aedcf48839fd69e97f34d552a8c"
COSTS = Costs(fee_rate=Decimal("0.0005"))


def crossover(symbols=("SPX",), fast=10, slow=20, **changes) -> Spec:
    return Spec(
        "ma-crossover", symbols, parameters={"fast": fast, "slow": slow}, costs=COSTS, **changes
    )


def play(spec: Spec, folders: tuple[Path, ...] = ()) -> BacktestResult:
    histories = [local.sample_history(symbol, spec.timeframe) for symbol in spec.symbols]
    return local.run(spec, load_catalog(folders), histories)[1]


def crossings(symbol: str, fast: int, slow: int) -> list[tuple[str, str]]:
    """The crossover in plain Python over the file itself: day and direction of each crossing."""
    with (SAMPLES / f"{symbol}_1d.csv").open(encoding="utf-8") as file:
        rows = [(row["time"], Decimal(row["close"])) for row in csv.DictReader(file)]
    closes = [close for _, close in rows]
    found, was_above, long = [], None, False
    for end in range(slow, len(rows) + 1):
        above = sum(closes[end - fast : end]) / fast > sum(closes[end - slow : end]) / slow
        if was_above is not None and above not in {was_above, long}:
            found.append((rows[end - 1][0], "buy" if above else "sell"))
            long = above
        was_above = above
    return found


def test_the_golden_run_never_changes() -> None:
    """SPX, fast 10, slow 20: the same trades and the same digest, run after run."""
    first, second = play(crossover()), play(crossover())
    assert first == second
    assert first.performance.closed_trades == GOLDEN_TRADES
    assert first.digest == GOLDEN_DIGEST
    assert first.bars == 5_031


@pytest.mark.parametrize(("symbol", "fast", "slow"), [("SPX", 10, 20), ("MSFT", 7, 33)])
def test_signals_are_those_of_a_plain_reimplementation(symbol, fast, slow, monkeypatch) -> None:
    """Another few lines of Python, straight from the file, find the same bars to act on."""
    seen = []
    hand_out = StrategyEngine.on_bar

    def watched(self, bar, now_ns):
        reaction = hand_out(self, bar, now_ns)
        day = bar.time_ns // 86_400_000_000_000
        seen.extend((day, signal.side.name.lower()) for signal in reaction.signals)
        return reaction

    monkeypatch.setattr(StrategyEngine, "on_bar", watched)
    result = play(crossover((symbol,), fast, slow, limits=Limits().over(DEFAULT_LIMITS)))
    epoch = date(1970, 1, 1)
    expected = [
        ((date.fromisoformat(day) - epoch).days, side)
        for day, side in crossings(symbol, fast, slow)
    ]
    assert seen == expected
    assert result.signals == len(expected)


def test_books_balance_to_the_last_digit() -> None:
    """Cash is what was begun with, less buys, plus sells, less fees; equity is cash and marks."""
    spec = crossover(("SPX", "MSFT"))
    histories = [local.sample_history(symbol, spec.timeframe) for symbol in spec.symbols]
    _, make = local.prepare(spec, load_catalog())
    simulation: Simulation = make({h.instrument.symbol: h.instrument for h in histories})
    fills = []
    apply = simulation._apply

    def watched(effects, now_ns):
        fills.extend(effects.fills)
        apply(effects, now_ns)

    simulation._apply = watched
    bars = sorted((b for h in histories for b in h.bars), key=lambda b: (b.time_ns, b.symbol))
    result = simulation.run(bars)
    assert len(fills) == result.fills > 100
    with localcontext(EXACT):
        cash, held = spec.initial_cash, dict.fromkeys(spec.symbols, Decimal(0))
        for fill in fills:
            cash -= fill.side.sign * fill.qty * fill.price + fill.fee
            held[fill.symbol] += fill.side.sign * fill.qty
        last = {bar.symbol: bar.close for bar in bars}
        worth = sum(qty * last[symbol] for symbol, qty in held.items())
    assert simulation.portfolio.books.cash == cash
    assert result.final_equity == cash + worth
    view = simulation.portfolio.view(0)
    assert {s: view.qty(s) for s in spec.symbols} == held
    assert result.performance.fees == sum(fill.fee for fill in fills)


def test_every_signal_ends_in_an_order_or_a_refusal() -> None:
    """Nothing gets lost between strategy and exchange."""
    tight = Limits(max_daily_loss_share=Decimal("0.0001")).over(DEFAULT_LIMITS)
    result = play(crossover(("SPX", "IXIC"), limits=tight))
    assert result.signals == result.orders + sum(result.refusals.values())


def test_a_limit_that_forbids_everything_leaves_the_cash_alone() -> None:
    """The run trades through the very risk checks that guard live trading."""
    nothing = Limits(symbol_blacklist=("SPX",)).over(DEFAULT_LIMITS)
    result = play(crossover(limits=nothing))
    assert (result.orders, result.final_equity) == (0, Decimal(100_000))
    assert sum(result.refusals.values()) == result.signals > 0
    figures = result.performance
    assert (figures.sharpe, figures.win_rate, figures.total_return) == (None, None, 0.0)


def test_inputs_change_the_digest() -> None:
    """Seed, costs, period and parameters are part of a run's identity."""
    day_ns = 86_400_000_000_000
    runs = [
        crossover(),
        crossover(seed=1),
        crossover(initial_cash=Decimal(99_999)),
        crossover(fast=9),
        crossover(end_ns=15_000 * day_ns),
    ]
    digests = {play(spec).digest for spec in runs}
    assert len(digests) == len(runs)


def test_costs_cost() -> None:
    """Fees and slippage make the same trades earn less."""
    free = play(Spec("ma-crossover", ("SPX",)))
    dear = play(Spec("ma-crossover", ("SPX",), costs=Costs(slippage_rate=Decimal("0.001"))))
    paid = play(Spec("ma-crossover", ("SPX",), costs=COSTS))
    assert free.performance.fees == 0
    assert paid.performance.fees > 0
    assert free.final_equity > paid.final_equity
    assert free.final_equity > dear.final_equity


def test_a_period_is_a_half_open_range_of_days() -> None:
    """The first day is in, the day after the last is not."""
    day_ns = 86_400_000_000_000
    result = play(crossover(start_ns=14_610 * day_ns, end_ns=14_975 * day_ns))  # the year 2010
    assert result.data_start_ns == 14_613 * day_ns  # 4 January, a Monday
    assert result.data_end_ns == 14_974 * day_ns  # 31 December
    assert result.bars == 252


def test_progress_is_told_and_can_end_the_run() -> None:
    """Answering False ends it."""
    told = []

    def tell(bars: int, time_ns: int) -> bool:
        told.append(bars)
        return len(told) < 3

    history = local.sample_history("SPX", Timeframe.D1)
    with pytest.raises(Canceled):
        local.run(crossover(), load_catalog(), [history], tell)
    assert told == [1_000, 2_000, 3_000]


@pytest.mark.parametrize(
    ("spec", "fault", "sentence"),
    [
        (crossover(("SPY",)), NotFound, "did you mean SPX?"),
        (crossover(timeframe=Timeframe.H1), NotFound, "bars of SPX are 1d, not 1h"),
        (crossover(fast=30), InvalidInput, "fast (30) must be smaller than slow (20)"),
        (Spec("ma-cross", ("SPX",)), NotFound, "there is no strategy type 'ma-cross'"),
        (crossover(start_ns=2**62), Precondition, "there are no 1d bars of SPX in that time"),
    ],
)
def test_what_cannot_run_is_said_in_a_sentence(spec: Spec, fault, sentence: str) -> None:
    """Unknown symbol, strategy, wrong parameter, empty period."""
    with pytest.raises(fault) as caught:
        play(spec)
    assert sentence in caught.value.message


RECIPE = """
from pi5.strategy.api import Parameter, Strategy

class HigherClose(Strategy):
    name = "higher-close"
    description = "Long after a close above the last one, out after a close below it."
    least_rise = Parameter(0.0, minimum=0.0, description="Least rise in price units.")

    def on_start(self, context):
        self.last = None

    def on_bar(self, context, bar):
        close = float(bar.close)
        if self.last is not None and close > self.last + self.least_rise:
            context.buy("closed higher", inputs={"close": close, "last": self.last})
        elif self.last is not None and close < self.last:
            context.close("closed lower")
        self.last = close
"""


def test_a_thirty_line_strategy_trades(tmp_path: Path) -> None:
    """The recipe of the README: one short file in a folder, and it trades."""
    assert len(RECIPE.strip().splitlines()) <= 30
    readme = (Path(pi5.data.__file__).parents[1] / "strategy" / "README.md").read_text("utf-8")
    body = ast.unparse(ast.parse(RECIPE))
    shown = "\n".join(line[3:] for line in readme.partition("```python\n")[2].splitlines())
    assert ast.unparse(ast.parse(shown.partition("```")[0])) == body, "the README shows it"
    (tmp_path / "higher_close.py").write_text(RECIPE, encoding="utf-8")
    result = play(Spec("higher-close", ("MSFT",)), (tmp_path,))
    assert result.performance.closed_trades > 500


def test_a_strategy_that_raises_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    """A backtest of a broken strategy has no result, only the reason."""
    broken = RECIPE.replace("self.last = close", "self.last = close / 0")
    (tmp_path / "broken.py").write_text(broken, encoding="utf-8")
    with pytest.raises(Precondition, match="failed in on_bar on SPX: ZeroDivisionError"):
        play(Spec("higher-close", ("SPX",)), (tmp_path,))


def test_a_csv_file_of_ones_own_is_played(tmp_path: Path) -> None:
    """Its price grid is read off; the same bars give the same trades as the shipped ones."""
    copy = tmp_path / "mine.csv"
    copy.write_text((SAMPLES / "SPX_1d.csv").read_text("utf-8"), encoding="utf-8")
    history = local.csv_history(copy, "SPX", Timeframe.D1)
    assert history.instrument.tick_size == Decimal("0.01")
    result = local.run(crossover(), load_catalog(), [history])[1]
    assert result.digest == play(crossover()).digest
