"""Batches of market data: packed integer columns on the wire, exact values in the domain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from pi5.api.common.v1 import trading_pb2
from pi5.api.data.v1 import data_pb2
from pi5.domain.market import Bar, Quote, Timeframe, Trade
from pi5.domain.money import ZERO, from_ticks, to_ticks


@dataclass(slots=True)
class MarketEvents:
    """What a batch holds."""

    quotes: list[Quote] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return bool(self.quotes or self.trades or self.bars)


def _scale(values: Iterable[Decimal | None]) -> int:
    """Return the decimal places that hold all values exactly."""
    most = 0
    for value in values:
        if value is not None:
            exponent = value.as_tuple().exponent
            if isinstance(exponent, int) and -exponent > most:
                most = -exponent
    return most


def batch_to(events: MarketEvents, sequence: int, epoch: str) -> data_pb2.MarketDataBatch:
    """Write events as one batch, with the least scales that hold them exactly."""
    quotes, trades, bars = events.quotes, events.trades, events.bars
    symbols = sorted(
        {q.symbol for q in quotes} | {t.symbol for t in trades} | {b.symbol for b in bars}
    )
    index = {symbol: number for number, symbol in enumerate(symbols)}
    price_scale = _scale(
        [
            *(price for q in quotes for price in (q.bid_price, q.ask_price)),
            *(t.price for t in trades),
            *(price for b in bars for price in (b.open, b.high, b.low, b.close)),
        ]
    )
    size_scale = _scale(
        [
            *(size for q in quotes for size in (q.bid_size, q.ask_size)),
            *(t.size for t in trades),
            *(b.volume for b in bars),
        ]
    )

    def price(value: Decimal | None) -> int:
        return to_ticks(value, price_scale) if value is not None else 0

    def size(value: Decimal) -> int:
        return to_ticks(value, size_scale)

    batch = data_pb2.MarketDataBatch(
        sequence=sequence,
        epoch=epoch,
        symbols=symbols,
        price_scale=price_scale,
        size_scale=size_scale,
    )
    if quotes:
        batch.quotes.symbol_index.extend(index[q.symbol] for q in quotes)
        batch.quotes.bid_price.extend(price(q.bid_price) for q in quotes)
        batch.quotes.bid_size.extend(size(q.bid_size) for q in quotes)
        batch.quotes.ask_price.extend(price(q.ask_price) for q in quotes)
        batch.quotes.ask_size.extend(size(q.ask_size) for q in quotes)
        batch.quotes.time_unix_ns.extend(q.time_ns for q in quotes)
    if trades:
        batch.trades.symbol_index.extend(index[t.symbol] for t in trades)
        batch.trades.price.extend(price(t.price) for t in trades)
        batch.trades.size.extend(size(t.size) for t in trades)
        batch.trades.aggressor.extend(trading_pb2.Side.ValueType(t.aggressor) for t in trades)
        batch.trades.time_unix_ns.extend(t.time_ns for t in trades)
    if bars:
        columns = batch.bars
        columns.symbol_index.extend(index[b.symbol] for b in bars)
        columns.timeframe.extend(trading_pb2.Timeframe.ValueType(b.timeframe) for b in bars)
        columns.time_unix_ns.extend(b.time_ns for b in bars)
        columns.open.extend(price(b.open) for b in bars)
        columns.high.extend(price(b.high) for b in bars)
        columns.low.extend(price(b.low) for b in bars)
        columns.close.extend(price(b.close) for b in bars)
        columns.volume.extend(size(b.volume) for b in bars)
    return batch


def events_from(batch: data_pb2.MarketDataBatch) -> MarketEvents:
    """Read a batch back."""
    symbols: Sequence[str] = batch.symbols
    price_scale, size_scale = batch.price_scale, batch.size_scale

    def price(ticks: int) -> Decimal | None:
        return from_ticks(ticks, price_scale) if ticks else None

    quotes, trades, bars = batch.quotes, batch.trades, batch.bars
    return MarketEvents(
        quotes=[
            Quote(
                symbols[which],
                quotes.time_unix_ns[row],
                price(quotes.bid_price[row]),
                from_ticks(quotes.bid_size[row], size_scale),
                price(quotes.ask_price[row]),
                from_ticks(quotes.ask_size[row], size_scale),
            )
            for row, which in enumerate(quotes.symbol_index)
        ],
        trades=[
            Trade(
                symbols[which],
                trades.time_unix_ns[row],
                price(trades.price[row]) or ZERO,
                from_ticks(trades.size[row], size_scale),
                trades.aggressor[row],
            )
            for row, which in enumerate(trades.symbol_index)
        ],
        bars=[
            Bar(
                symbols[which],
                Timeframe(bars.timeframe[row]),
                bars.time_unix_ns[row],
                from_ticks(bars.open[row], price_scale),
                from_ticks(bars.high[row], price_scale),
                from_ticks(bars.low[row], price_scale),
                from_ticks(bars.close[row], price_scale),
                from_ticks(bars.volume[row], size_scale),
            )
            for row, which in enumerate(bars.symbol_index)
        ],
    )
