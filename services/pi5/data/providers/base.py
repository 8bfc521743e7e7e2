"""The one interface of every source of market data, and the place where a new one plugs in.

A new source is a module in this folder with a subclass of `Provider`; `pi5.data.main` lists those
that run. A provider only delivers: checking, storing and fanning out happen behind it, the same
for all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from pi5.data.quality import RejectedRow
from pi5.domain.instrument import Instrument
from pi5.domain.market import Bar, Timeframe
from pi5.kit.wire.market import MarketEvents


@dataclass(frozen=True, slots=True)
class BookLevel:
    """One price of a book: total size, and number of orders (0 when the venue does not tell)."""

    price: Decimal
    size: Decimal
    order_count: int = 0


@dataclass(frozen=True, slots=True)
class Book:
    """An order book at one moment, best levels first; `sequence` counts the book's changes."""

    symbol: str
    time_ns: int
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    sequence: int

    @property
    def crossed(self) -> bool:
        """True when the best bid is above the best ask."""
        return bool(self.bids and self.asks and self.bids[0].price > self.asks[0].price)


@dataclass(slots=True)
class History:
    """Bars of a source's history, oldest first, and the rows that were refused."""

    bars: list[Bar] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)


class Provider(ABC):
    """A source of market data."""

    name: str
    # True where bars of the past come as if live: their times may begin anew.
    replays_history = False

    @abstractmethod
    def instruments(self) -> Sequence[Instrument]:
        """Return the instruments it knows; they become known to the system when it starts."""

    @abstractmethod
    def symbols(self) -> Sequence[str]:
        """Return the symbols that its stream delivers."""

    @abstractmethod
    def stream(self) -> AsyncGenerator[MarketEvents, None]:
        """Deliver live data until there is no more; an exception has it opened again later."""

    @abstractmethod
    async def history(
        self, symbol: str, timeframe: Timeframe, start_ns: int, end_ns: int
    ) -> History:
        """Return bars of a half-open range of times; empty where the source has none."""

    def book(self, symbol: str, levels: int) -> Book | None:
        """Return the order book of a symbol; None where the source has no depth."""
        return None
