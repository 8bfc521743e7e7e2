"""Whatever is written as CSV is read back as it was."""

from __future__ import annotations

import re
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from pi5.data.providers.csv_import import CsvProvider
from pi5.domain.instrument import AssetClass, Instrument
from pi5.domain.market import Timeframe
from pi5.domain.money import wire
from pi5.kit.clock import SystemClock
from pi5.kit.wire.times import to_datetime

COIN = Instrument(
    "COIN", "Coin", AssetClass.CRYPTO, "USD", "SIM", Decimal("0.0001"), Decimal("0.001")
)
days = st.lists(st.integers(0, 20_000), min_size=1, max_size=30, unique=True).map(sorted)
# Prices within ten percent of each other: nothing of it is a spike.
price = st.integers(1_000_000, 1_100_000).map(lambda ticks: Decimal(ticks).scaleb(-4))
volume = st.integers(0, 2**60).map(lambda lots: Decimal(lots).scaleb(-3))


@given(days, st.data())
def test_a_round_trip_changes_nothing(numbers: list[int], data: st.DataObject) -> None:
    """Times, four-decimal prices and huge volumes survive, oldest first or newest first."""
    rows = []
    for day in numbers:
        low, a, b, high = sorted(data.draw(st.tuples(price, price, price, price)))
        opened, close = data.draw(st.sampled_from([(a, b), (b, a)]))
        rows.append((day * 86_400 * 10**9, opened, high, low, close, data.draw(volume)))
    lines = [
        ",".join([to_datetime(time_ns).date().isoformat(), *map(wire, figures)])
        for time_ns, *figures in rows
    ]
    if data.draw(st.booleans()):
        lines.reverse()
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    text = end.join(["time,open,high,low,close,volume", *lines])
    history = CsvProvider(COIN, Timeframe.D1, text, "x", SystemClock()).read()
    assert history.rejected == []
    assert [(b.time_ns, b.open, b.high, b.low, b.close, b.volume) for b in history.bars] == rows


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Any text gives bars and refused rows that add up to its lines, never an exception."""
    csv = "time,open,high,low,close,volume\n2020-01-01,1,1,1,1,1\n" + text
    history = CsvProvider(COIN, Timeframe.D1, csv, "x", SystemClock()).read()
    lines = [line for line in re.split(r"\r\n|\n|\r", csv)[1:] if line.strip()]
    assert len(history.bars) + len(history.rejected) == len(lines)
