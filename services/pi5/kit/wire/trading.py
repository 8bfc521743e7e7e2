"""Terms of orders and signals.

The enums of the domain carry the contract's numbers (held by a test), so they convert by value.
"""

from __future__ import annotations

from pi5.api.common.v1 import trading_pb2
from pi5.domain.errors import InvalidInput
from pi5.domain.money import optional_decimal, wire
from pi5.domain.order import (
    DEFAULT_ACCOUNT,
    MANUAL,
    OrderTerms,
    OrderType,
    Side,
    TimeInForce,
)
from pi5.domain.signal import Signal
from pi5.kit.wire.times import time_ns, timestamp


def terms_from(message: trading_pb2.OrderTerms) -> OrderTerms:
    """Read what somebody wants traded.

    Raises:
        InvalidInput: MISSING_FIELD or NOT_A_DECIMAL with the field.
    """
    for field in ("symbol", "side", "type"):
        if not getattr(message, field):
            raise InvalidInput("MISSING_FIELD", f"an order needs {field}", field=field)
    return OrderTerms(
        client_order_id=message.client_order_id,
        account=message.account or DEFAULT_ACCOUNT,
        strategy_id=message.strategy_id or MANUAL,
        symbol=message.symbol,
        side=Side(message.side),
        type=OrderType(message.type),
        time_in_force=TimeInForce(message.time_in_force or TimeInForce.DAY),
        qty=optional_decimal(message.qty, "qty"),
        notional=optional_decimal(message.notional, "notional"),
        limit_price=optional_decimal(message.limit_price, "limit_price"),
        stop_price=optional_decimal(message.stop_price, "stop_price"),
        expires_at_ns=time_ns(message.expires_at),
        post_only=message.post_only,
        reduce_only=message.reduce_only,
    )


def terms_to(terms: OrderTerms) -> trading_pb2.OrderTerms:
    """Write what somebody wants traded."""
    return trading_pb2.OrderTerms(
        client_order_id=terms.client_order_id,
        account=terms.account,
        strategy_id=terms.strategy_id,
        symbol=terms.symbol,
        side=trading_pb2.Side.ValueType(terms.side),
        type=trading_pb2.OrderType.ValueType(terms.type),
        time_in_force=trading_pb2.TimeInForce.ValueType(terms.time_in_force),
        qty=wire(terms.qty),
        notional=wire(terms.notional),
        limit_price=wire(terms.limit_price),
        stop_price=wire(terms.stop_price),
        expires_at=timestamp(terms.expires_at_ns),
        post_only=terms.post_only,
        reduce_only=terms.reduce_only,
    )


def signal_from(message: trading_pb2.Signal) -> Signal:
    """Read a signal.

    Raises:
        InvalidInput: MISSING_FIELD, NOT_A_DECIMAL or OUT_OF_BOUNDS with the field.
    """
    for field in ("id", "strategy_id", "symbol", "side"):
        if not getattr(message, field):
            raise InvalidInput("MISSING_FIELD", f"a signal needs {field}", field=field)
    for field in ("strength", "confidence"):
        if not 0.0 <= getattr(message, field) <= 1.0:
            raise InvalidInput("OUT_OF_BOUNDS", f"{field} must lie in 0..1", field=field)
    return Signal(
        id=message.id,
        strategy_id=message.strategy_id,
        symbol=message.symbol,
        side=Side(message.side),
        strength=message.strength,
        confidence=message.confidence,
        reason=message.reason,
        reference_price=optional_decimal(message.reference_price, "reference_price"),
        event_time_ns=time_ns(message.event_time),
        created_at_ns=time_ns(message.created_at),
        close_only=message.close_only,
        inputs=dict(message.inputs),
    )


def signal_to(signal: Signal) -> trading_pb2.Signal:
    """Write a signal."""
    return trading_pb2.Signal(
        id=signal.id,
        strategy_id=signal.strategy_id,
        symbol=signal.symbol,
        side=trading_pb2.Side.ValueType(signal.side),
        strength=signal.strength,
        confidence=signal.confidence,
        reason=signal.reason,
        reference_price=wire(signal.reference_price),
        event_time=timestamp(signal.event_time_ns),
        created_at=timestamp(signal.created_at_ns),
        close_only=signal.close_only,
        inputs=dict(signal.inputs),
    )
