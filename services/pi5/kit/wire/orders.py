"""Orders, fills, decisions and events of the order log."""

from __future__ import annotations

from decimal import Decimal, localcontext

from pi5.api.common.v1 import trading_pb2
from pi5.api.execution.v1 import execution_pb2
from pi5.api.risk.v1 import risk_pb2
from pi5.domain.decision import CheckResult, Decision, Verdict
from pi5.domain.event import OrderEvent
from pi5.domain.money import EXACT, ZERO, optional_decimal, parse_decimal, wire
from pi5.domain.order import (
    Fill,
    Order,
    OrderEventType,
    OrderStatus,
    OrderTerms,
    OrderType,
    Side,
    TimeInForce,
)
from pi5.kit.wire.times import time_ns, timestamp
from pi5.kit.wire.trading import signal_from, signal_to, terms_from, terms_to


def order_to(order: Order) -> execution_pb2.Order:
    """Write an order."""
    terms = order.terms
    return execution_pb2.Order(
        id=order.id,
        client_order_id=terms.client_order_id,
        account=terms.account,
        strategy_id=terms.strategy_id,
        symbol=terms.symbol,
        side=trading_pb2.Side.ValueType(terms.side),
        type=trading_pb2.OrderType.ValueType(terms.type),
        time_in_force=trading_pb2.TimeInForce.ValueType(terms.time_in_force),
        qty=wire(order.qty),
        filled_qty=wire(order.filled_qty),
        filled_avg_price=wire(order.filled_avg_price),
        limit_price=wire(terms.limit_price),
        stop_price=wire(terms.stop_price),
        status=execution_pb2.OrderStatus.ValueType(order.status),
        broker=order.broker,
        broker_order_id=order.broker_order_id,
        signal_id=order.signal_id,
        decision_id=order.decision_id,
        reject_code=order.reject_code,
        reject_reason=order.reject_reason,
        created_at=timestamp(order.created_at_ns),
        submitted_at=timestamp(order.submitted_at_ns),
        filled_at=timestamp(order.filled_at_ns),
        canceled_at=timestamp(order.canceled_at_ns),
        updated_at=timestamp(order.updated_at_ns),
        expires_at=timestamp(terms.expires_at_ns),
        reduce_only=terms.reduce_only,
        post_only=terms.post_only,
        replaces=order.replaces,
        replaced_by=order.replaced_by,
        parent_id=order.parent_id,
        order_class=trading_pb2.ORDER_CLASS_SIMPLE,
        fees=wire(order.fees),
    )


def order_from(message: execution_pb2.Order) -> Order:
    """Read an order. `filled_notional` is filled_qty times filled_avg_price, exact to 12 places."""
    filled = parse_decimal(message.filled_qty or "0", "filled_qty")
    average = optional_decimal(message.filled_avg_price, "filled_avg_price") or ZERO
    with localcontext(EXACT):
        notional: Decimal = filled * average
    qty = parse_decimal(message.qty or "0", "qty")
    return Order(
        id=message.id,
        terms=OrderTerms(
            client_order_id=message.client_order_id,
            account=message.account,
            strategy_id=message.strategy_id,
            symbol=message.symbol,
            side=Side(message.side),
            type=OrderType(message.type),
            time_in_force=TimeInForce(message.time_in_force),
            qty=qty,
            limit_price=optional_decimal(message.limit_price, "limit_price"),
            stop_price=optional_decimal(message.stop_price, "stop_price"),
            expires_at_ns=time_ns(message.expires_at),
            post_only=message.post_only,
            reduce_only=message.reduce_only,
        ),
        qty=qty,
        status=OrderStatus(message.status),
        broker=message.broker,
        created_at_ns=time_ns(message.created_at),
        updated_at_ns=time_ns(message.updated_at),
        filled_qty=filled,
        filled_notional=notional,
        fees=parse_decimal(message.fees or "0", "fees"),
        broker_order_id=message.broker_order_id,
        signal_id=message.signal_id,
        decision_id=message.decision_id,
        reject_code=message.reject_code,
        reject_reason=message.reject_reason,
        submitted_at_ns=time_ns(message.submitted_at),
        filled_at_ns=time_ns(message.filled_at),
        canceled_at_ns=time_ns(message.canceled_at),
        replaces=message.replaces,
        replaced_by=message.replaced_by,
        parent_id=message.parent_id,
    )


def fill_to(fill: Fill) -> execution_pb2.Fill:
    """Write an execution."""
    return execution_pb2.Fill(
        execution_id=fill.execution_id,
        order_id=fill.order_id,
        client_order_id=fill.client_order_id,
        account=fill.account,
        strategy_id=fill.strategy_id,
        symbol=fill.symbol,
        side=trading_pb2.Side.ValueType(fill.side),
        qty=wire(fill.qty),
        price=wire(fill.price),
        fee=wire(fill.fee),
        currency=fill.currency,
        time=timestamp(fill.time_ns),
        inferred=fill.inferred,
        reference_price=wire(fill.reference_price),
    )


def fill_from(message: execution_pb2.Fill) -> Fill:
    """Read an execution."""
    return Fill(
        execution_id=message.execution_id,
        order_id=message.order_id,
        client_order_id=message.client_order_id,
        account=message.account,
        strategy_id=message.strategy_id,
        symbol=message.symbol,
        side=Side(message.side),
        qty=parse_decimal(message.qty, "qty"),
        price=parse_decimal(message.price, "price"),
        fee=parse_decimal(message.fee or "0", "fee"),
        currency=message.currency,
        time_ns=time_ns(message.time),
        inferred=message.inferred,
        reference_price=optional_decimal(message.reference_price, "reference_price"),
    )


def decision_to(decision: Decision) -> risk_pb2.Decision:
    """Write a risk decision."""
    return risk_pb2.Decision(
        id=decision.id,
        approved=decision.approved,
        approved_order=terms_to(decision.approved_order) if decision.approved_order else None,
        reject_code=decision.reject_code,
        reject_reason=decision.reject_reason,
        checks=[
            risk_pb2.CheckResult(
                check=check.check,
                verdict=risk_pb2.Verdict.ValueType(check.verdict),
                code=check.code,
                limit=check.limit,
                observed=check.observed,
                message=check.message,
            )
            for check in decision.checks
        ],
        sizing=decision.sizing,
        reserved=trading_pb2.Money(currency=decision.currency, amount=wire(decision.reserved)),
        mark_price=wire(decision.mark_price),
        equity=trading_pb2.Money(currency=decision.currency, amount=wire(decision.equity)),
        account=decision.account,
        strategy_id=decision.strategy_id,
        symbol=decision.symbol,
        side=trading_pb2.Side.ValueType(decision.side),
        signal_id=decision.signal_id,
        client_order_id=decision.client_order_id,
        decided_at=timestamp(decision.decided_at_ns),
        valid_until=timestamp(decision.valid_until_ns),
        duration_us=decision.duration_us,
    )


def decision_from(message: risk_pb2.Decision) -> Decision:
    """Read a risk decision."""
    return Decision(
        id=message.id,
        approved=message.approved,
        account=message.account,
        strategy_id=message.strategy_id,
        symbol=message.symbol,
        side=Side(message.side),
        decided_at_ns=time_ns(message.decided_at),
        checks=tuple(
            CheckResult(
                check=check.check,
                verdict=Verdict(check.verdict),
                code=check.code,
                limit=check.limit,
                observed=check.observed,
                message=check.message,
            )
            for check in message.checks
        ),
        approved_order=(
            terms_from(message.approved_order) if message.HasField("approved_order") else None
        ),
        reject_code=message.reject_code,
        reject_reason=message.reject_reason,
        sizing=message.sizing,
        reserved=parse_decimal(message.reserved.amount or "0", "reserved"),
        currency=message.reserved.currency,
        mark_price=optional_decimal(message.mark_price, "mark_price"),
        equity=optional_decimal(message.equity.amount, "equity"),
        signal_id=message.signal_id,
        client_order_id=message.client_order_id,
        valid_until_ns=time_ns(message.valid_until),
        duration_us=message.duration_us,
    )


def event_to(event: OrderEvent) -> execution_pb2.OrderEvent:
    """Write an event of the order log; the hash is added where it is read from the log."""
    return execution_pb2.OrderEvent(
        sequence=event.sequence,
        id=event.id,
        type=execution_pb2.OrderEventType.ValueType(event.type),
        order=order_to(event.order) if event.order else None,
        fill=fill_to(event.fill) if event.fill else None,
        decision=decision_to(event.decision) if event.decision else None,
        signal=signal_to(event.signal) if event.signal else None,
        causation_id=event.causation_id,
        time=timestamp(event.time_ns),
    )


def event_from(message: execution_pb2.OrderEvent) -> OrderEvent:
    """Read an event of the order log."""
    return OrderEvent(
        id=message.id,
        type=OrderEventType(message.type),
        time_ns=time_ns(message.time),
        causation_id=message.causation_id,
        order=order_from(message.order) if message.HasField("order") else None,
        fill=fill_from(message.fill) if message.HasField("fill") else None,
        decision=decision_from(message.decision) if message.HasField("decision") else None,
        signal=signal_from(message.signal) if message.HasField("signal") else None,
        sequence=message.sequence,
    )
