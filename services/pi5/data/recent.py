"""The newest short bars, in memory only: one and five seconds are too many rows for a card.

48 bytes a bar: an hour of seconds of a hundred instruments takes 17 MB, and nothing grows after.
"""

from __future__ import annotations

from array import array

from pi5.domain.instrument import Instrument
from pi5.domain.market import Bar, Timeframe
from pi5.domain.money import to_ticks

# Begin in ns, then open, high, low, close and volume as whole numbers of the instrument's scales.
BarRow = tuple[int, int, int, int, int, int]
_WIDTH = 6
CAPACITY = {Timeframe.S1: 3_600, Timeframe.S5: 1_440}


def row_of(bar: Bar, instrument: Instrument) -> BarRow:
    """Return a bar as whole numbers of its instrument's scales."""
    scale = instrument.price_scale
    return (
        bar.time_ns,
        to_ticks(bar.open, scale),
        to_ticks(bar.high, scale),
        to_ticks(bar.low, scale),
        to_ticks(bar.close, scale),
        to_ticks(bar.volume, instrument.size_scale),
    )


class _Ring:
    """Rows in time order, the oldest giving way."""

    __slots__ = ("_capacity", "_cells", "_next", "source")

    def __init__(self, capacity: int) -> None:
        self.source = ""
        self._capacity = capacity
        self._cells = array("q")
        self._next = 0

    def append(self, row: BarRow) -> None:
        if len(self._cells) < self._capacity * _WIDTH:
            self._cells.extend(row)
            return
        begin = self._next * _WIDTH
        self._cells[begin : begin + _WIDTH] = array("q", row)
        self._next = (self._next + 1) % self._capacity

    def rows(self, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return the rows of a half-open range, oldest first; a reader pays, never the writer."""
        cells, count = self._cells, len(self._cells) // _WIDTH
        found: list[BarRow] = []
        for step in range(count):
            begin = (self._next + step) % count * _WIDTH
            if start_ns <= cells[begin] < end_ns:
                time_ns, opened, high, low, close, volume = cells[begin : begin + _WIDTH]
                found.append((time_ns, opened, high, low, close, volume))
        return found


class RecentBars:
    """Rings of short bars by instrument and length."""

    def __init__(self) -> None:
        self._rings: dict[tuple[str, Timeframe], _Ring] = {}

    def append(self, bar: Bar, instrument: Instrument) -> bool:
        """Keep a bar if its length is kept here; tell whether it is."""
        capacity = CAPACITY.get(bar.timeframe)
        if capacity is None:
            return False
        key = (bar.symbol, bar.timeframe)
        ring = self._rings.get(key)
        if ring is None:
            ring = self._rings[key] = _Ring(capacity)
        ring.append(row_of(bar, instrument))
        ring.source = bar.source
        return True

    def rows(self, symbol: str, timeframe: Timeframe, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return the kept rows of a half-open range of times, oldest first."""
        ring = self._rings.get((symbol, timeframe))
        return ring.rows(start_ns, end_ns) if ring is not None else []

    def source(self, symbol: str, timeframe: Timeframe) -> str:
        """Return the provider that the kept bars came from; one at a time delivers a symbol."""
        ring = self._rings.get((symbol, timeframe))
        return ring.source if ring is not None else ""
