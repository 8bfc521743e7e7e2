"""Between the contract's messages and the domain, for what only execution exchanges."""

from __future__ import annotations

from pi5.api.common.v1 import trading_pb2
from pi5.api.data.v1 import data_pb2
from pi5.api.execution.v1 import broker_service_pb2, execution_pb2
from pi5.domain.broker import (
    BrokerExecution,
    BrokerOrder,
    BrokerPromises,
    BrokerReport,
    Deduplication,
    Discrepancy,
)
from pi5.domain.instrument import AssetClass, Instrument
from pi5.domain.money import optional_decimal, parse_decimal
from pi5.domain.order import OrderStatus, Side
from pi5.execution.rules import not_supported
from pi5.kit.wire.times import time_ns, timestamp

_NAME_MOST, _TEXT_MOST = 200, 500
_SIMPLE = (trading_pb2.ORDER_CLASS_UNSPECIFIED, trading_pb2.ORDER_CLASS_SIMPLE)


def refuse_unsupported(message: trading_pb2.OrderTerms) -> None:
    """Refuse what the contract has and this release does not trade; never leave a part out.

    Raises:
        InvalidInput: ORDER_TYPE_NOT_SUPPORTED with the field.
    """
    if message.order_class not in _SIMPLE:
        kind = trading_pb2.OrderClass.Name(message.order_class).removeprefix("ORDER_CLASS_")
        raise not_supported("order_class", f"{kind.lower()} orders")
    for field in ("take_profit", "stop_loss", "algorithm"):
        if message.HasField(field):
            raise not_supported(field, field)
    for field in ("trail_price", "trail_percent"):
        if getattr(message, field):
            raise not_supported(field, "trailing stops")
    if message.extended_hours:
        raise not_supported("extended_hours", "orders outside the regular session")


def instrument_from(message: data_pb2.Instrument) -> Instrument:
    """Read an instrument."""
    return Instrument(
        symbol=message.symbol,
        name=message.name,
        asset_class=AssetClass(message.asset_class),
        currency=message.currency,
        venue=message.venue,
        tick_size=parse_decimal(message.tick_size, "tick_size"),
        lot_size=parse_decimal(message.lot_size, "lot_size"),
        min_notional=optional_decimal(message.min_notional, "min_notional"),
        margin_rate=parse_decimal(message.margin_rate or "1", "margin_rate"),
        calendar=message.calendar,
        tradable=message.tradable,
        provider=message.provider,
    )


def _name(text: str) -> str:
    """Take a name from outside: what could not be stored or compared is refused.

    Raises:
        ValueError: it is empty, too long or not printable.
    """
    if not 0 < len(text) <= _NAME_MOST or not text.isprintable():
        raise ValueError(f"a broker sent {text[:40]!r} as a name")
    return text


def _text(text: str) -> str:
    """Take words from outside: cut to a bound, without what the database cannot store."""
    return "".join(c if c.isprintable() else "?" for c in text[:_TEXT_MOST])


def promises_from(message: execution_pb2.Broker) -> BrokerPromises:
    """Read what a broker promises; what it leaves open is taken as no promise."""
    return BrokerPromises(
        name=message.name,
        live=message.live,
        deduplication=Deduplication(message.deduplication or Deduplication.NONE),
        lookup_by_client_id=message.lookup_by_client_id,
        max_in_flight_ms=message.max_in_flight_ms,
        venues=tuple(message.venues),
    )


def broker_order_from(message: broker_service_pb2.BrokerOrder) -> BrokerOrder:
    """Read an order as a broker sees it."""
    return BrokerOrder(
        client_order_id=_name(message.client_order_id),
        symbol=_name(message.symbol),
        side=Side(message.side),
        status=OrderStatus(message.status),
        qty=parse_decimal(message.qty or "0", "qty"),
        filled_qty=parse_decimal(message.filled_qty or "0", "filled_qty"),
        broker_order_id=_text(message.broker_order_id),
        reject_code=_text(message.reject_code),
        reject_reason=_text(message.reject_reason),
    )


def broker_execution_from(message: broker_service_pb2.BrokerExecution) -> BrokerExecution:
    """Read an execution as a broker reports it."""
    return BrokerExecution(
        execution_id=_name(message.execution_id),
        client_order_id=_name(message.client_order_id),
        symbol=_name(message.symbol),
        side=Side(message.side),
        qty=parse_decimal(message.qty, "qty"),
        price=parse_decimal(message.price, "price"),
        fee=parse_decimal(message.fee or "0", "fee"),
        currency=_name(message.currency),
        time_ns=time_ns(message.time),
    )


def report_from(message: broker_service_pb2.BrokerReport) -> BrokerReport:
    """Read a report."""
    return BrokerReport(
        order=broker_order_from(message.order),
        execution=(
            broker_execution_from(message.execution) if message.HasField("execution") else None
        ),
    )


def discrepancy_to(found: Discrepancy) -> execution_pb2.Discrepancy:
    """Write a difference."""
    return execution_pb2.Discrepancy(
        id=found.id,
        broker=found.broker,
        code=found.code,
        ours=found.ours,
        theirs=found.theirs,
        order_id=found.order_id,
        symbol=found.symbol,
        found_at=timestamp(found.found_at_ns),
        resolution=found.resolution,
    )
