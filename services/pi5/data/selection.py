"""What a subscriber wants to hear of, and batches narrowed down to it and encoded once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pi5.api.data.v1 import data_service_pb2
from pi5.data.convert import book_to
from pi5.data.providers.base import Book
from pi5.domain.errors import InvalidInput
from pi5.domain.market import Quote
from pi5.kit.wire.market import MarketEvents, batch_to

SYMBOLS_MAX = 1_000
# Encodings kept with a batch; rarer selections encode for themselves.
_ENCODINGS_MAX = 8


@dataclass(frozen=True, slots=True)
class Selection:
    """The kinds of events and the symbols; None means every symbol."""

    symbols: frozenset[str] | None
    quotes: bool
    trades: bool
    bars: bool
    books: bool

    @classmethod
    def of(cls, request: data_service_pb2.StreamMarketDataRequest) -> Selection:
        """Read what a request selects.

        Raises:
            InvalidInput: NOTHING_SELECTED or TOO_MANY_SYMBOLS.
        """
        if not (request.quotes or request.trades or request.bars or request.books):
            raise InvalidInput(
                "NOTHING_SELECTED", "set at least one of quotes, trades, bars and books"
            )
        if len(request.symbols) > SYMBOLS_MAX:
            raise InvalidInput(
                "TOO_MANY_SYMBOLS",
                f"name at most {SYMBOLS_MAX} symbols, or none for all",
                field="symbols",
            )
        symbols = frozenset(request.symbols) if request.symbols else None
        return cls(symbols, request.quotes, request.trades, request.bars, request.books)

    def wants(self, symbol: str) -> bool:
        """Tell whether a symbol is selected."""
        return self.symbols is None or symbol in self.symbols

    def of_events(self, events: MarketEvents) -> MarketEvents:
        """Return the events that are selected."""
        if self.symbols is None:
            return MarketEvents(
                quotes=events.quotes if self.quotes else [],
                trades=events.trades if self.trades else [],
                bars=events.bars if self.bars else [],
            )
        names = self.symbols
        return MarketEvents(
            quotes=[q for q in events.quotes if q.symbol in names] if self.quotes else [],
            trades=[t for t in events.trades if t.symbol in names] if self.trades else [],
            bars=[b for b in events.bars if b.symbol in names] if self.bars else [],
        )


class Published:
    """One batch of the stream: its events, its number, and what it was encoded to."""

    __slots__ = ("_encoded", "events", "sequence")

    def __init__(self, sequence: int, events: MarketEvents) -> None:
        self.sequence = sequence
        self.events = events
        self._encoded: dict[Selection, bytes] = {}

    @property
    def size(self) -> int:
        """Number of events."""
        return len(self.events.quotes) + len(self.events.trades) + len(self.events.bars)

    def changed(self) -> set[str]:
        """Return the symbols whose book may have changed."""
        return {q.symbol for q in self.events.quotes} | {t.symbol for t in self.events.trades}

    def encode(self, selection: Selection, epoch: str, books: Sequence[Book]) -> bytes:
        """Return the message for a selection, made once for all who share it; b"" if it is empty.

        `books` are those of the first who asks: they are conflated anyway.
        """
        found = self._encoded.get(selection)
        if found is None:
            found = encode(selection.of_events(self.events), books, self.sequence, epoch)
            if len(self._encoded) < _ENCODINGS_MAX:
                self._encoded[selection] = found
        return found


def encode(
    events: MarketEvents,
    books: Sequence[Book],
    sequence: int,
    epoch: str,
    *,
    even_empty: bool = False,
) -> bytes:
    """Write events as the bytes of a StreamMarketDataResponse; b"" when there is nothing."""
    if not events and not books and not even_empty:
        return b""
    batch = batch_to(events, sequence, epoch)
    batch.books.extend(book_to(book) for book in books)
    return data_service_pb2.StreamMarketDataResponse(batch=batch).SerializeToString()


def merge(batches: Iterable[Published], selection: Selection, *, conflate: bool) -> MarketEvents:
    """Put several batches together; with `conflate` only the newest quote of a symbol stays."""
    merged = MarketEvents()
    for batch in batches:
        events = selection.of_events(batch.events)
        merged.quotes.extend(events.quotes)
        merged.trades.extend(events.trades)
        merged.bars.extend(events.bars)
    if conflate:
        newest: dict[str, Quote] = {quote.symbol: quote for quote in merged.quotes}
        merged.quotes = list(newest.values())
    return merged
