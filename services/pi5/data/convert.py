"""Between the contract's messages and what only this service knows."""

from __future__ import annotations

from collections.abc import Sequence

from pi5.api.common.v1 import trading_pb2
from pi5.api.data.v1 import data_pb2
from pi5.data.engine import QuoteState
from pi5.data.providers.base import Book, BookLevel
from pi5.data.providers.replay import ReplayProvider
from pi5.data.quality import RejectedRow
from pi5.data.recent import BarRow
from pi5.data.store import Finding, StoredBar
from pi5.domain.errors import InvalidInput
from pi5.domain.instrument import AssetClass, Instrument
from pi5.domain.market import Timeframe
from pi5.domain.money import from_ticks, optional_decimal, parse_decimal, wire
from pi5.kit.wire.times import timestamp

_SYMBOL_CHARACTERS_MAX = 32


def instrument_to(instrument: Instrument) -> data_pb2.Instrument:
    """Write an instrument."""
    return data_pb2.Instrument(
        symbol=instrument.symbol,
        name=instrument.name,
        asset_class=trading_pb2.AssetClass.ValueType(instrument.asset_class),
        currency=instrument.currency,
        venue=instrument.venue,
        tick_size=wire(instrument.tick_size),
        lot_size=wire(instrument.lot_size),
        min_notional=wire(instrument.min_notional),
        margin_rate=wire(instrument.margin_rate),
        calendar=instrument.calendar,
        tradable=instrument.tradable,
        provider=instrument.provider,
    )


def instrument_from(message: data_pb2.Instrument, symbol: str, currency: str) -> Instrument:
    """Read an instrument that an import describes; what is left out gets a sensible value.

    Raises:
        InvalidInput: MISSING_FIELD, OUT_OF_BOUNDS or NOT_A_DECIMAL with the field.
    """
    if message.symbol and message.symbol != symbol:
        raise InvalidInput(
            "SYMBOL_DIFFERS",
            f"instrument.symbol is {message.symbol}, but the bars belong to {symbol}",
            field="instrument.symbol",
        )
    if not symbol.isprintable() or symbol != symbol.strip() or len(symbol) > _SYMBOL_CHARACTERS_MAX:
        raise InvalidInput(
            "OUT_OF_BOUNDS", "a symbol has 1 to 32 printable characters", field="symbol"
        )
    tick_size = parse_decimal(message.tick_size or "0.01", "instrument.tick_size")
    lot_size = parse_decimal(message.lot_size or "1", "instrument.lot_size")
    margin_rate = parse_decimal(message.margin_rate or "1", "instrument.margin_rate")
    for field, value in (
        ("tick_size", tick_size),
        ("lot_size", lot_size),
        ("margin_rate", margin_rate),
    ):
        if value <= 0:
            raise InvalidInput(
                "OUT_OF_BOUNDS", f"instrument.{field} must be positive", field=f"instrument.{field}"
            )
    return Instrument(
        symbol=symbol,
        name=message.name or symbol,
        asset_class=AssetClass(message.asset_class or AssetClass.EQUITY),
        currency=message.currency or currency,
        venue=message.venue or "SIM",
        tick_size=tick_size,
        lot_size=lot_size,
        min_notional=optional_decimal(message.min_notional, "instrument.min_notional"),
        margin_rate=margin_rate,
        calendar=message.calendar or "24/7",
        tradable=message.tradable,
        provider=message.provider or "csv",
    )


def bar_to(stored: StoredBar, instrument: Instrument, timeframe: Timeframe) -> data_pb2.Bar:
    """Write a stored bar."""
    time_ns, opened, high, low, close, volume = stored.row
    scale = instrument.price_scale
    return data_pb2.Bar(
        symbol=instrument.symbol,
        timeframe=trading_pb2.Timeframe.ValueType(timeframe),
        time=timestamp(time_ns),
        open=wire(from_ticks(opened, scale)),
        high=wire(from_ticks(high, scale)),
        low=wire(from_ticks(low, scale)),
        close=wire(from_ticks(close, scale)),
        volume=wire(from_ticks(volume, instrument.size_scale)),
        source=stored.source,
    )


def bar_batch_to(
    rows: Sequence[tuple[int, BarRow]], instruments: Sequence[Instrument], timeframe: Timeframe
) -> data_pb2.MarketDataBatch:
    """Write stored bars as columns, without a decimal in between.

    Args:
        rows: pairs of an index into `instruments` and a bar in that instrument's scales.
        instruments: what the indices point to.
        timeframe: length of all bars.
    """
    price_scale = max(instrument.price_scale for instrument in instruments)
    size_scale = max(instrument.size_scale for instrument in instruments)
    batch = data_pb2.MarketDataBatch(
        symbols=[instrument.symbol for instrument in instruments],
        price_scale=price_scale,
        size_scale=size_scale,
    )
    factors = [
        (10 ** (price_scale - item.price_scale), 10 ** (size_scale - item.size_scale))
        for item in instruments
    ]
    columns = batch.bars
    columns.symbol_index.extend(which for which, _ in rows)
    columns.timeframe.extend([trading_pb2.Timeframe.ValueType(timeframe)] * len(rows))
    columns.time_unix_ns.extend(row[0] for _, row in rows)
    columns.open.extend(row[1] * factors[which][0] for which, row in rows)
    columns.high.extend(row[2] * factors[which][0] for which, row in rows)
    columns.low.extend(row[3] * factors[which][0] for which, row in rows)
    columns.close.extend(row[4] * factors[which][0] for which, row in rows)
    columns.volume.extend(row[5] * factors[which][1] for which, row in rows)
    return batch


def quote_to(state: QuoteState) -> data_pb2.Quote:
    """Write the newest quote of an instrument."""
    quote = state.quote
    return data_pb2.Quote(
        symbol=quote.symbol,
        time=timestamp(quote.time_ns),
        bid_price=wire(quote.bid_price),
        bid_size=wire(quote.bid_size),
        ask_price=wire(quote.ask_price),
        ask_size=wire(quote.ask_size),
        last_price=wire(state.last_price),
        source=state.source,
        stale=state.stale,
    )


def _level_to(level: BookLevel) -> data_pb2.BookLevel:
    return data_pb2.BookLevel(
        price=wire(level.price), size=wire(level.size), order_count=level.order_count
    )


def book_to(book: Book, *, stale: bool = False) -> data_pb2.Book:
    """Write an order book."""
    return data_pb2.Book(
        symbol=book.symbol,
        time=timestamp(book.time_ns),
        bids=[_level_to(level) for level in book.bids],
        asks=[_level_to(level) for level in book.asks],
        sequence=book.sequence,
        crossed=book.crossed,
        stale=stale,
    )


def finding_to(finding: Finding) -> data_pb2.QualityFinding:
    """Write a count of bad rows."""
    return data_pb2.QualityFinding(
        symbol=finding.symbol,
        source=finding.source,
        reason=finding.reason,
        count=finding.count,
        last_seen_at=timestamp(finding.last_seen_ns),
    )


def rejected_to(row: RejectedRow) -> data_pb2.QuarantinedRow:
    """Write a quarantined row."""
    return data_pb2.QuarantinedRow(
        symbol=row.symbol,
        source=row.source,
        line=row.line,
        reason=row.reason,
        detail=row.detail,
        content=row.content,
        received_at=timestamp(row.received_at_ns),
    )


def replay_to(replay: ReplayProvider) -> data_pb2.Replay:
    """Write a replay as it stands."""
    plan = replay.plan
    return data_pb2.Replay(
        id=plan.id,
        symbols=plan.symbols,
        timeframe=trading_pb2.Timeframe.ValueType(plan.timeframe),
        bars_per_second=plan.bars_per_second,
        position=timestamp(replay.position_ns),
        bars_sent=replay.bars_sent,
        running=replay.running,
        loop=plan.loop,
    )
