"""The sample bars that come with the system: real daily history to begin with.

Indices can be traded on paper like shares, in thousandths, so that an account of 100,000 can hold
a position of a sensible size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources

from pi5.data.providers.csv_import import CsvProvider
from pi5.domain.instrument import AssetClass, Instrument
from pi5.domain.market import Timeframe
from pi5.kit.clock import Clock

NAME = "samples"


@dataclass(frozen=True, slots=True)
class Sample:
    """A shipped file and what is in it."""

    file: str
    instrument: Instrument
    timeframe: Timeframe

    def provider(self, clock: Clock) -> CsvProvider:
        """Return the file as a source of history."""
        text = (resources.files("pi5.data") / "samples" / self.file).read_text(encoding="utf-8")
        return CsvProvider(self.instrument, self.timeframe, text, self.file, clock)


def _index(symbol: str, name: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        name=name,
        asset_class=AssetClass.INDEX,
        currency="USD",
        venue="SIM",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.001"),
        calendar="XNYS",
        provider=NAME,
    )


def samples() -> Iterator[Sample]:
    """Return the shipped samples."""
    yield Sample("SPX_1d.csv", _index("SPX", "S&P 500"), Timeframe.D1)
    yield Sample("IXIC_1d.csv", _index("IXIC", "NASDAQ Composite"), Timeframe.D1)
    microsoft = Instrument(
        symbol="MSFT",
        name="Microsoft",
        asset_class=AssetClass.EQUITY,
        currency="USD",
        venue="SIM",
        tick_size=Decimal("0.0001"),  # adjusted for splits and dividends: fractions of a cent
        lot_size=Decimal(1),
        calendar="XNYS",
        provider=NAME,
    )
    yield Sample("MSFT_1d.csv", microsoft, Timeframe.D1)
