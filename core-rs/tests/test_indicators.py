"""Indicators through Python: arrays, single values, pipelines, and TA-Lib's figures."""

import math
from collections.abc import Callable

import numpy as np
import pi5_core as core
import pytest

COUNT = 1_000_000


def _bars(count: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(random.normal(0, 5e-4, count)))
    previous = np.concatenate([[close[0]], close[:-1]])
    wick = np.abs(random.normal(0, 0.03, (2, count)))
    return {
        "high": np.maximum(previous, close) + wick[0],
        "low": np.minimum(previous, close) - wick[1],
        "close": close,
        "volume": np.rint(random.uniform(1, 1000, count)),
    }


@pytest.fixture(scope="module")
def bars() -> dict[str, np.ndarray]:
    """A million bars of a random walk."""
    return _bars(COUNT)


INPUTS = {
    **dict.fromkeys(
        ["realized_volatility", "stochastic_rsi"],
        ("close",),
    ),
    **dict.fromkeys(["donchian", "ichimoku", "aroon", "parabolic_sar"], ("high", "low")),
    **dict.fromkeys(
        ["atr", "adx", "dmi", "cci", "williams_r", "stochastic", "keltner", "supertrend"],
        ("high", "low", "close"),
    ),
    **dict.fromkeys(["mfi", "vwap", "rolling_vwap"], ("high", "low", "close", "volume")),
    "obv": ("close", "volume"),
    "correlation": ("high", "volume"),
    "beta": ("high", "low"),
    "book_imbalance": ("high", "volume"),
}
CLASSES = {
    "z_score": "ZScore",
    "supertrend": "SuperTrend",
}


@pytest.mark.parametrize("name", INPUTS)
def test_batch_equals_single_updates_including_warm_up(name: str) -> None:
    """One definition: an array gives what the same values give one by one."""
    small = _bars(700)
    columns = [small[column] for column in INPUTS[name]]
    cls = getattr(core, CLASSES.get(name, name.title().replace("_", "")))
    single = cls()
    one_by_one = np.array(
        [single.update(*row) for row in zip(*map(np.ndarray.tolist, columns), strict=True)]
    )
    batch = np.array(getattr(core, name)(*columns)).T
    np.testing.assert_allclose(batch, one_by_one, rtol=1e-9, atol=1e-12)
    rows = one_by_one.reshape(700, -1)
    assert int(np.isnan(rows).any(axis=1).sum()) == single.warm_up - 1
    assert single.ready
    single.reset()
    assert not single.ready


def _talib_cases() -> dict[str, tuple[Callable, Callable]]:
    c, hlc = ("close",), ("high", "low", "close")
    hl, hlcv = ("high", "low"), ("high", "low", "close", "volume")
    return {
        "SMA": (c, core.sma, (20,), (20,)),
        "EMA": (c, core.ema, (20,), (20,)),
        "WMA": (c, core.wma, (20,), (20,)),
        "DEMA": (c, core.dema, (20,), (20,)),
        "TEMA": (c, core.tema, (20,), (20,)),
        "KAMA": (c, core.kama, (30,), (30,)),
        "RSI": (c, core.rsi, (14,), (14,)),
        "MACD": (c, core.macd, (12, 26, 9), (12, 26, 9)),
        "ROC": (c, core.roc, (10,), (10,)),
        "MOM": (c, core.momentum, (10,), (10,)),
        "BBANDS": (c, core.bollinger, (20, 2.0, 2.0), (20, 2.0)),
        "STOCHRSI": (c, core.stochastic_rsi, (14, 5, 3, 0), (14, 5, 3)),
        "AROON": (hl, core.aroon, (14,), (14,)),
        "SAR": (hl, core.parabolic_sar, (0.02, 0.2), (0.02, 0.2)),
        "CORREL": (hl, core.correlation, (30,), (30,)),
        "BETA": (hl, core.beta, (5,), (5,)),
        "ATR": (hlc, core.atr, (14,), (14,)),
        "ADX": (hlc, core.adx, (14,), (14,)),
        "CCI": (hlc, core.cci, (14,), (14,)),
        "WILLR": (hlc, core.williams_r, (14,), (14,)),
        "STOCH": (hlc, core.stochastic, (14, 3, 0, 3, 0), (14, 3, 3)),
        "OBV": (("close", "volume"), core.obv, (), ()),
        "MFI": (hlcv, core.mfi, (14,), (14,)),
        "VWAP": (hlcv, core.vwap, (), ()),
    }


@pytest.mark.parametrize("name", _talib_cases())
def test_a_million_points_equal_talib_including_warm_up(
    name: str, bars: dict[str, np.ndarray]
) -> None:
    """Within 1e-9 of TA-Lib, with values at exactly the same places."""
    talib = pytest.importorskip("talib")
    inputs, ours, theirs_parameters, our_parameters = _talib_cases()[name]
    columns = [bars[column] for column in inputs]
    expected = getattr(talib, name)(*columns, *theirs_parameters)
    got = ours(*columns, *our_parameters)
    if not isinstance(expected, tuple):
        expected, got = (expected,), (got,)
    for want, have in zip(expected, got, strict=True):
        assert np.array_equal(np.isnan(want), np.isnan(have))
        # Oscillators pass through zero: their own scale is what an error is relative to.
        scale = max(float(np.nanmax(np.abs(want))), 1e-300)
        floor = scale if name not in {"SMA", "EMA", "WMA", "DEMA", "TEMA", "KAMA", "SAR"} else 0
        np.testing.assert_allclose(have, want, rtol=1e-9, atol=1e-9 * floor, equal_nan=True)


def test_plus_and_minus_directional_indicators_equal_talib(bars: dict[str, np.ndarray]) -> None:
    """The two start earlier than the index made from them."""
    talib = pytest.importorskip("talib")
    columns = [bars[column][:5000] for column in ("high", "low", "close")]
    adx, plus, minus = core.dmi(*columns, 14)
    np.testing.assert_allclose(adx, core.adx(*columns, 14), rtol=1e-9)
    np.testing.assert_allclose(plus, talib.PLUS_DI(*columns, 14), rtol=1e-9)
    np.testing.assert_allclose(minus, talib.MINUS_DI(*columns, 14), rtol=1e-9)


def test_reset_forgets_everything() -> None:
    """After a reset the indicator warms up again."""
    sma = core.Sma(2)
    sma.update(1.0)
    assert sma.update(3.0) == 2.0
    assert sma.value == 2.0
    sma.reset()
    assert math.isnan(sma.update(5.0))


def test_periods_out_of_range_are_value_errors() -> None:
    """A period of zero is the caller's fault and said so."""
    with pytest.raises(ValueError, match="period"):
        core.Sma(0)
    with pytest.raises(ValueError, match="period"):
        core.rsi(np.ones(4), 1)
    with pytest.raises(ValueError, match="slow period"):
        core.Macd(26, 12, 9)
    with pytest.raises(ValueError, match="length"):
        core.atr(np.ones(4), np.ones(4), np.ones(3))


def test_arrays_need_not_be_contiguous() -> None:
    """A column of a table works like a copy of it."""
    table = np.random.default_rng(1).normal(size=(100, 3))
    np.testing.assert_array_equal(core.sma(table[:, 1], 5), core.sma(table[:, 1].copy(), 5))


def test_a_pipeline_updates_all_its_indicators_in_one_call() -> None:
    """Single updates and the array form give the indicators' own figures."""
    small = _bars(200)
    columns = [small[name] for name in ("close", "high", "low", "close", "volume")]
    single, batch = core.Pipeline(), core.Pipeline()
    for pipeline in (single, batch):
        assert pipeline.add("sma", 10) == 0
        assert pipeline.add("macd", 12, 26, 9) == 1
        assert pipeline.add("rsi", 14, source="high") == 4
    table = batch.run(*columns)
    for row in zip(*columns, strict=True):
        single.update(*row)
    assert single.values == table[-1].tolist()
    assert table[-1, 4] == pytest.approx(core.rsi(small["high"], 14)[-1])
    assert (len(single), single.warm_up, single[0]) == (5, 34, table[-1, 0])
    with pytest.raises(ValueError, match="no indicator"):
        single.add("nonsense")
