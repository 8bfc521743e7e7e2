"""Bars from ticks through Python."""

import numpy as np
import pi5_core as core
import pytest


def test_time_bars_by_tick_and_by_column_are_the_same() -> None:
    """A bar ends when the first tick of a later span comes."""
    times = np.array([3, 9, 12, 35, 39])
    prices, sizes = np.array([10, 14, 8, 9, 9]), np.array([1, 2, 3, 4, 1])
    single, batch = core.BarBuilder("time", 10), core.BarBuilder("time", 10)
    rows = []
    for tick in zip(times.tolist(), prices.tolist(), sizes.tolist(), strict=True):
        rows += single.tick(*tick)
    columns = batch.ticks(times, prices, sizes)
    assert rows == [(0, 10, 14, 10, 14, 3, 2), (10, 8, 8, 8, 8, 3, 1)]
    assert [column.tolist() for column in columns] == [
        list(c) for c in zip(*(r[:6] for r in rows), strict=True)
    ]
    assert single.current == (30, 9, 9, 9, 9, 5, 2)
    assert single.flush() == (30, 9, 9, 9, 9, 5, 2)
    assert single.flush() is None


@pytest.mark.parametrize(
    ("rule", "size", "ticks"), [("ticks", 2, 2), ("volume", 3, 2), ("value", 38, 2)]
)
def test_other_bars_end_with_the_tick_that_fills_them(rule: str, size: int, ticks: int) -> None:
    """Tick, volume and value bars do not wait for the next tick."""
    builder = core.BarBuilder(rule, size)
    assert builder.tick(1, 10, 1) == []
    (bar,) = builder.tick(2, 14, 2)
    assert bar[-1] == ticks


def test_longer_bars_from_shorter_ones_within_a_session() -> None:
    """Resampling leaves out what is outside of the session and never reaches over its end."""
    starts = np.arange(0, 40, 5)
    prices, volume = np.arange(8) + 100, np.full(8, 2)
    builder = core.BarBuilder("time", 10, session=(20, 5, 15))
    columns = builder.bars(starts, prices, prices, prices, prices, volume)
    assert columns[0].tolist() == [5, 15, 25]
    assert (builder.flush(), builder.skipped) == ((35, 107, 107, 107, 107, 2, 1), 2)


def test_nonsense_rules_are_value_errors() -> None:
    """A bar of nothing is the caller's fault."""
    for rule, size in (("time", 0), ("ticks", -1), ("value", 0)):
        with pytest.raises(ValueError, match="above zero"):
            core.BarBuilder(rule, size)
    with pytest.raises(ValueError, match="rule"):
        core.BarBuilder("phase_of_moon", 1)
