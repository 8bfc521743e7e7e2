"""Marks: the price at which a holding is valued, chosen from quotes, trades and bars.

Portfolio and risk must value alike, so the choice is made here once. The middle of the quote is
best; a trade or the close of a bar counts only where quotes are missing or have stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import IntEnum

from pi5.domain.market import Bar, Quote, Trade
from pi5.domain.money import EXACT

# A quote keeps trades and bars from becoming the mark for this long.
QUOTE_HOLDS_NS = 5_000_000_000


class MarkSource(IntEnum):
    """Where a mark came from."""

    QUOTE = 1
    TRADE = 2
    BAR = 3
    STORED = 4


@dataclass(frozen=True, slots=True)
class Mark:
    """A price and when it was known, in nanoseconds since 1970."""

    price: Decimal
    time_ns: int
    source: MarkSource


@dataclass(frozen=True, slots=True)
class Offer:
    """A price that may become a symbol's mark."""

    symbol: str
    price: Decimal
    time_ns: int
    source: MarkSource


class Marks:
    """The newest mark of each symbol; as many as there are instruments."""

    def __init__(self) -> None:
        self._marks: dict[str, Mark] = {}

    def get(self, symbol: str) -> Mark | None:
        """Return a symbol's mark; None before the first."""
        return self._marks.get(symbol)

    def price(self, symbol: str) -> Decimal | None:
        """Return a symbol's price; None before the first."""
        mark = self._marks.get(symbol)
        return mark.price if mark else None

    def offer(self, symbol: str, price: Decimal, time_ns: int, source: MarkSource) -> bool:
        """Take a price unless a better one is there; tell whether it was taken.

        >>> marks = Marks()
        >>> marks.offer("ACME", Decimal(10), 1, MarkSource.QUOTE)
        True
        >>> marks.offer("ACME", Decimal(11), 2, MarkSource.BAR), marks.price("ACME")
        (False, Decimal('10'))
        """
        held = self._marks.get(symbol)
        if price <= 0 or (held is not None and not _replaces(held, time_ns, source)):
            return False
        self._marks[symbol] = Mark(price, time_ns, source)
        return True


def _replaces(held: Mark, time_ns: int, source: MarkSource) -> bool:
    if time_ns < held.time_ns:
        return False
    quoted = held.source is MarkSource.QUOTE and source is not MarkSource.QUOTE
    return not quoted or time_ns - held.time_ns >= QUOTE_HOLDS_NS


def middle(quote: Quote) -> Decimal | None:
    """Return the middle of a quote; None when a side is empty or bid is over ask."""
    bid, ask = quote.bid_price, quote.ask_price
    if bid is None or ask is None or bid > ask:
        return None
    with localcontext(EXACT):
        return (bid + ask) / 2


def offers(
    quotes: Iterable[Quote], trades: Iterable[Trade], bars: Iterable[Bar], received_ns: int
) -> Iterator[Offer]:
    """Turn market events into offers.

    Quotes and trades count from their own time, so a feed that lags is seen to be old; never from
    the future. Bars count from when they came, because a replay streams old bars as if live.
    """
    for quote in quotes:
        price = middle(quote)
        if price is not None:
            time_ns = min(quote.time_ns, received_ns)
            yield Offer(quote.symbol, price, time_ns, MarkSource.QUOTE)
    for trade in trades:
        time_ns = min(trade.time_ns, received_ns)
        yield Offer(trade.symbol, trade.price, time_ns, MarkSource.TRADE)
    for bar in bars:
        yield Offer(bar.symbol, bar.close, received_ns, MarkSource.BAR)
