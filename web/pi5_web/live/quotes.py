"""Market data from packed columns straight to JSON text: the hot path of the bridge.

Hand-written for speed; a test holds it equal to the codec's rule for `Quote`. Each symbol's text is
made once a batch, whoever listens to whichever symbols.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from pi5.api.common.v1 import trading_pb2
from pi5.api.data.v1 import data_pb2

from pi5_web.codec import enum_words, rfc3339, to_json

TRADES_MAX = 100
V = TypeVar("V")
_SIDES = enum_words(trading_pb2.Side.DESCRIPTOR)


def decimal_text(ticks: int, scale: int) -> str:
    """Return ticks as a plain decimal.

    >>> decimal_text(-5, 2), decimal_text(12300, 2), decimal_text(7, 0)
    ('-0.05', '123.00', '7')
    """
    if not scale:
        return str(ticks)
    digits = str(abs(ticks)).rjust(scale + 1, "0")
    return f"{'-' if ticks < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def _time(time_ns: int) -> str:
    return rfc3339(*divmod(time_ns, 1_000_000_000))


def _price(ticks: int, scale: int) -> str:
    return f'"{decimal_text(ticks, scale)}"' if ticks else "null"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


@dataclass(slots=True)
class Flush:
    """What one batch says, as JSON by symbol."""

    quotes: dict[str, str] = field(default_factory=dict)
    trades: dict[str, list[str]] = field(default_factory=dict)

    def text(self, symbols: frozenset[str]) -> str | None:
        """Return the data of an update for some symbols, all when empty; None for nothing."""
        quotes = _chosen(self.quotes, symbols)
        trades = [t for rows in _chosen(self.trades, symbols) for t in rows[-TRADES_MAX:]]
        if not quotes and not trades:
            return None
        return f'{{"quotes":[{",".join(quotes)}],"trades":[{",".join(trades)}]}}'


def _chosen(values: dict[str, V], symbols: frozenset[str]) -> list[V]:
    if not symbols:
        return list(values.values())
    return [values[symbol] for symbol in symbols if symbol in values]


class QuoteBoard:
    """The newest quote of every symbol, as JSON."""

    def __init__(self) -> None:
        self.ready = False
        self._quotes: dict[str, str] = {}
        self._last: dict[str, str] = {}
        self._source: dict[str, str] = {}

    def begin(self, quotes: Iterable[data_pb2.Quote]) -> None:
        """Take the quotes as the data service knows them."""
        for quote in quotes:
            self._quotes[quote.symbol] = msgspec.json.encode(to_json(quote)).decode()
            self._last[quote.symbol] = f'"{quote.last_price}"' if quote.last_price else "null"
            self._source[quote.symbol] = _quoted(quote.source)
        self.ready = True

    def snapshot(self, symbols: frozenset[str]) -> str | None:
        """Return the newest quotes; None before they are known."""
        if not self.ready:
            return None
        return f'{{"quotes":[{",".join(_chosen(self._quotes, symbols))}],"trades":[]}}'

    def take(self, batch: data_pb2.MarketDataBatch) -> Flush:
        """Apply a batch and return its changes: the newest quote of each symbol, all trades."""
        flush = Flush()
        symbols, price_scale, size_scale = batch.symbols, batch.price_scale, batch.size_scale
        self._take_closes(batch)
        self._take_trades(flush, batch)
        columns = batch.quotes
        newest = {which: row for row, which in enumerate(columns.symbol_index)}
        for which, row in newest.items():
            symbol = symbols[which]
            text = (
                f'{{"symbol":{_quoted(symbol)},"time":"{_time(columns.time_unix_ns[row])}",'
                f'"bid_price":{_price(columns.bid_price[row], price_scale)},'
                f'"bid_size":"{decimal_text(columns.bid_size[row], size_scale)}",'
                f'"ask_price":{_price(columns.ask_price[row], price_scale)},'
                f'"ask_size":"{decimal_text(columns.ask_size[row], size_scale)}",'
                f'"last_price":{self._last.get(symbol, "null")},'
                f'"source":{self._source.get(symbol, chr(34) * 2)},"stale":false}}'
            )
            flush.quotes[symbol] = self._quotes[symbol] = text
        return flush

    def _take_closes(self, batch: data_pb2.MarketDataBatch) -> None:
        """A replayed instrument has no trades: its last price is the close of its last bar."""
        columns = batch.bars
        for row, which in enumerate(columns.symbol_index):
            close = decimal_text(columns.close[row], batch.price_scale)
            self._last[batch.symbols[which]] = f'"{close}"'

    def _take_trades(self, flush: Flush, batch: data_pb2.MarketDataBatch) -> None:
        columns = batch.trades
        for row, which in enumerate(columns.symbol_index):
            symbol = batch.symbols[which]
            price = f'"{decimal_text(columns.price[row], batch.price_scale)}"'
            flush.trades.setdefault(symbol, []).append(
                f'{{"symbol":{_quoted(symbol)},"time":"{_time(columns.time_unix_ns[row])}",'
                f'"price":{price},"size":"{decimal_text(columns.size[row], batch.size_scale)}",'
                f'"aggressor":"{_SIDES.get(columns.aggressor[row], "unspecified")}"}}'
            )
            self._last[symbol] = price
