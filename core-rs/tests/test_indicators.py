"""Indicators through Python."""

import math

import numpy as np
import pi5_core as core
import pytest


def test_batch_equals_single_updates_including_warm_up() -> None:
    """One definition: an array gives what the same values give one by one."""
    close = 100 + np.cumsum(np.random.default_rng(1).normal(size=500))
    high, low = close + 0.5, close - 0.5
    for name in ("Sma", "Ema", "Rsi"):
        single = getattr(core, name)(14)
        one_by_one = [single.update(float(x)) for x in close]
        np.testing.assert_allclose(getattr(core, name.lower())(close, 14), one_by_one, rtol=1e-12)
        assert np.isnan(one_by_one).sum() == single.warm_up - 1
        assert single.ready
        assert single.value == one_by_one[-1]
    atr = core.Atr(14)
    one_by_one = [atr.update(*map(float, bar)) for bar in zip(high, low, close, strict=True)]
    np.testing.assert_allclose(core.atr(high, low, close, 14), one_by_one, rtol=1e-12)


def test_reset_forgets_everything() -> None:
    """After a reset the indicator warms up again."""
    sma = core.Sma(2)
    sma.update(1.0)
    assert sma.update(3.0) == 2.0
    sma.reset()
    assert not sma.ready
    assert math.isnan(sma.update(5.0))


def test_periods_out_of_range_are_value_errors() -> None:
    """A period of zero is the caller's fault and said so."""
    with pytest.raises(ValueError, match="period"):
        core.Sma(0)
    with pytest.raises(ValueError, match="period"):
        core.rsi(np.ones(4), 1)
