"""What the market says: bars, quotes and trades."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum


class Timeframe(IntEnum):
    """Length of a bar; the numbers are those of the contract."""

    S1 = 1
    S5 = 2
    M1 = 3
    M5 = 4
    M15 = 5
    H1 = 6
    H4 = 7
    D1 = 8

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return _SECONDS[self]

    @property
    def label(self) -> str:
        """Market notation such as 1m (minute) or 1d."""
        return _LABELS[self]


_SECONDS = {
    Timeframe.S1: 1,
    Timeframe.S5: 5,
    Timeframe.M1: 60,
    Timeframe.M5: 300,
    Timeframe.M15: 900,
    Timeframe.H1: 3_600,
    Timeframe.H4: 14_400,
    Timeframe.D1: 86_400,
}
_LABELS = {
    Timeframe.S1: "1s",
    Timeframe.S5: "5s",
    Timeframe.M1: "1m",
    Timeframe.M5: "5m",
    Timeframe.M15: "15m",
    Timeframe.H1: "1h",
    Timeframe.H4: "4h",
    Timeframe.D1: "1d",
}
TIMEFRAME_BY_LABEL = {label: timeframe for timeframe, label in _LABELS.items()}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `time_ns` is its begin in nanoseconds since 1970 (UTC)."""

    symbol: str
    timeframe: Timeframe
    time_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    source: str = ""

    @property
    def end_ns(self) -> int:
        """When the bar is complete, in nanoseconds since 1970."""
        return self.time_ns + self.timeframe.seconds * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask; None where a side is empty."""

    symbol: str
    time_ns: int
    bid_price: Decimal | None
    bid_size: Decimal
    ask_price: Decimal | None
    ask_size: Decimal


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade at the venue; `aggressor` is 1 when a buyer crossed the spread, 2 for a seller."""

    symbol: str
    time_ns: int
    price: Decimal
    size: Decimal
    aggressor: int
