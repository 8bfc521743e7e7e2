"""Backtests through Python: the event loop, the rules, and both against each other."""

import numpy as np
import pi5_core as core
import pytest

UNIT = core.UNITS_PER_TICK_LOT


def _walk(count: int, seed: int = 4) -> np.ndarray:
    steps = np.random.default_rng(seed).integers(-7, 8, count)
    return 100_000 + np.cumsum(steps)


def _bars(close: np.ndarray) -> list[np.ndarray]:
    opened = np.concatenate([[close[0]], close[:-1]])
    times = np.arange(1, len(close) + 1, dtype=np.int64)
    high, low = np.maximum(opened, close) + 2, np.minimum(opened, close) - 2
    return [times, opened, high, low, close, np.full(len(close), 1000)]


class Cross:
    """The moving-average rule, written against the event loop."""

    def __init__(self, fast: int, slow: int) -> None:
        self.fast, self.slow = core.Sma(fast), core.Sma(slow)
        self.held = False
        self.told: list[tuple] = []

    def on_bar(self, simulation: core.Simulation) -> None:
        close = simulation.close
        above = self.fast.update(close) > self.slow.update(close)
        if above != self.held:
            self.held = above
            (simulation.buy if above else simulation.sell)(10)

    def on_fill(self, simulation: core.Simulation, fill: tuple) -> None:
        self.told.append(fill)


@pytest.mark.parametrize("timing", ["this_close", "next_open"])
def test_event_loop_and_rule_make_the_same_trades_to_the_last_unit(timing: str) -> None:
    """Same decisions, same fills, same fees, same equity: exactly."""
    close = _walk(3000)
    costs = {"taker_rate_e8": 12_345, "fee_step": 1000, "slippage_ticks": 1}
    simulation = core.Simulation(5 * UNIT, timing=timing, **costs)
    simulation.add_bars(0, *_bars(close))
    strategy = Cross(5, 20)
    assert simulation.run(strategy) == 3000
    # Opens are the previous closes here, so both timings trade at the same price.
    done = core.run_sma_cross(close, close, close, close, 5, 20, 10, cash=5 * UNIT, **costs)
    assert done.fills > 100
    _, prices, quantities = simulation.fill_columns()
    assert prices.tolist() == done.prices.tolist()
    assert quantities.tolist() == done.quantities.tolist()
    assert (simulation.cash, simulation.fees) == (done.cash, done.fees)
    assert simulation.equity == done.equity
    assert len(strategy.told) == simulation.fill_count == done.fills
    assert strategy.told == simulation.fills()


def test_a_sweep_gives_each_pair_its_own_run_on_any_number_of_threads() -> None:
    """The sweep is the rule many times over, whatever the cores."""
    close = _walk(2000)
    pairs = np.array([(f, s) for f in range(2, 8) for s in range(10, 40, 7)])
    one = core.sweep_sma_cross(close, close, close, close, pairs, 3, threads=1, short=True)
    all_cores = core.sweep_sma_cross(close, close, close, close, pairs, 3, short=True)
    assert one[1] == all_cores[1]
    for (fast, slow), fills, equity in zip(pairs.tolist(), one[0], one[1], strict=True):
        run = core.run_sma_cross(close, close, close, close, fast, slow, 3, short=True)
        assert (run.fills, run.equity) == (fills, equity)


def test_targets_are_held_from_their_row_on() -> None:
    """Signal arrays of any making trade at the prices beside them."""
    prices = np.array([10, 11, 12, 13])
    run = core.run_targets(np.array([0, 5, 5, -5]), prices, prices, prices)
    assert (run.rows.tolist(), run.quantities.tolist()) == ([1, 3], [5, -10])
    assert run.equity == (-5 * 11 + 10 * 13 - 5 * 13) * UNIT
    assert run.position == -5


def test_a_strategy_can_work_orders_of_every_kind_and_cancel_them() -> None:
    """Stops and limits meet the path of the bar; what is canceled does not."""
    close = np.array([100, 100, 110, 90])

    class Bracket:
        def on_bar(self, simulation: core.Simulation) -> None:
            if simulation.time == 1:
                simulation.buy(5)
                self.target = simulation.submit(core.SELL, 5, core.LIMIT, 108)
                self.stop = simulation.submit(core.SELL, 5, core.STOP, stop_price=95)
            elif simulation.time == 3:
                assert simulation.open_orders() == [(self.stop, 5)]
                assert simulation.cancel(self.stop) == 5
                assert simulation.cancel(self.stop) is None

    simulation = core.Simulation()
    simulation.add_bars(0, *_bars(close))
    simulation.run(Bracket())
    assert [(f[0], f[3], f[5]) for f in simulation.fills()] == [(1, 100, False), (2, 108, True)]
    assert (simulation.position(), simulation.equity) == (0, 40 * UNIT)


def test_streams_merge_by_time_and_a_quote_fills_at_its_own_side() -> None:
    """Events of several instruments and kinds come in one order."""
    seen = []

    class Watch:
        def on_quote(self, simulation: core.Simulation) -> None:
            seen.append(("quote", simulation.instrument, simulation.time, simulation.bid))
            if simulation.time == 1:
                simulation.buy(2)

        def on_trade(self, simulation: core.Simulation) -> None:
            seen.append(("trade", simulation.instrument, simulation.time, simulation.price))

    simulation = core.Simulation(instruments=2, limited_by_quotes=True)
    at = np.array
    simulation.add_trades(1, at([1, 2]), at([50, 51]), at([1, 1]), at([0, 1]))
    simulation.add_quotes(0, at([1, 2]), at([9, 10]), at([11, 12]), at([5, 5]), at([5, 1]))
    simulation.run(Watch())
    assert seen == [
        ("trade", 1, 1, 50),
        ("quote", 0, 1, 9),
        ("trade", 1, 2, 51),
        ("quote", 0, 2, 10),
    ]
    assert [(f[3], f[4]) for f in simulation.fills()] == [(12, 1)]


def test_a_strategys_exception_ends_the_run_and_names_itself() -> None:
    """Nothing is swallowed."""

    class Broken:
        def on_bar(self, simulation: core.Simulation) -> None:
            raise KeyError("mine")

    simulation = core.Simulation()
    simulation.add_bars(0, *_bars(_walk(5)))
    with pytest.raises(KeyError, match="mine"):
        simulation.run(Broken())


def test_impossible_input_is_refused_with_its_reason() -> None:
    """Backward times, unequal columns, unknown instruments, senseless orders and periods."""
    simulation = core.Simulation()
    one, two = np.array([2]), np.array([2, 1])
    with pytest.raises(ValueError, match="backwards"):
        simulation.add_trades(0, two, two, two, two)
    with pytest.raises(ValueError, match="length"):
        simulation.add_trades(0, one, two, one, one)
    with pytest.raises(ValueError, match="instrument"):
        simulation.add_trades(1, one, one, one, one)
    with pytest.raises(RuntimeError, match="not started"):
        _ = simulation.equity
    with pytest.raises(ValueError, match="periods"):
        core.run_sma_cross(two, two, two, two, 3, 2, 1)
    huge = np.array([0, 2**62])
    with pytest.raises(ValueError, match="2\\*\\*53"):
        core.run_sma_cross(huge, huge, huge, huge, 1, 2, 1)

    class Wrong:
        def on_trade(self, simulation: core.Simulation) -> None:
            with pytest.raises(ValueError, match="INVALID_QUANTITY"):
                simulation.buy(0)
            with pytest.raises(ValueError, match="INVALID_TERMS"):
                simulation.submit(core.BUY, 1, core.STOP)
            with pytest.raises(RuntimeError, match="no such value"):
                _ = simulation.close

    simulation.add_trades(0, one, one, one, one)
    assert simulation.run(Wrong()) == 1
