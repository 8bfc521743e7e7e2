"""Contract messages of strategies from and to what the service works with."""

from __future__ import annotations

from decimal import Decimal

from pi5.api.common.v1 import trading_pb2
from pi5.api.data.v1 import data_pb2
from pi5.api.execution.v1 import execution_pb2, execution_service_pb2
from pi5.api.portfolio.v1 import portfolio_service_pb2
from pi5.api.strategy.v1 import strategy_pb2
from pi5.domain.market import Bar, Timeframe
from pi5.domain.money import ZERO, parse_decimal
from pi5.domain.portfolio import PortfolioView
from pi5.kit.wire.times import time_ns, timestamp
from pi5.kit.wire.trading import signal_to
from pi5.strategy.api import Parameter, as_text
from pi5.strategy.engine import StrategyState
from pi5.strategy.plugin import StrategyType, parameters_of
from pi5.strategy.signals import FAILED, ORDERED, REFUSED, UNAVAILABLE, Outcome, Record
from pi5.strategy.store import Row

_KINDS = {
    bool: strategy_pb2.PARAMETER_KIND_BOOLEAN,
    int: strategy_pb2.PARAMETER_KIND_INTEGER,
    float: strategy_pb2.PARAMETER_KIND_NUMBER,
    str: strategy_pb2.PARAMETER_KIND_TEXT,
}
_UNFILLED_ENDS = {
    execution_pb2.ORDER_EVENT_TYPE_CANCELED,
    execution_pb2.ORDER_EVENT_TYPE_EXPIRED,
    execution_pb2.ORDER_EVENT_TYPE_REJECTED,
}
_FILLS = {
    execution_pb2.ORDER_EVENT_TYPE_PARTIAL_FILL,
    execution_pb2.ORDER_EVENT_TYPE_FILL,
}


def type_to(found: StrategyType) -> strategy_pb2.StrategyType:
    """Write a strategy type."""
    declared = parameters_of(found.strategy) if found.strategy else {}
    return strategy_pb2.StrategyType(
        name=found.name,
        description=found.description,
        origin=found.origin,
        parameters=[_parameter_to(parameter) for parameter in declared.values()],
        problem=found.problem,
    )


def _parameter_to(
    parameter: Parameter[bool | int | float | str],
) -> strategy_pb2.ParameterSpec:
    return strategy_pb2.ParameterSpec(
        name=parameter.name,
        description=parameter.description,
        kind=_KINDS[parameter.kind],
        default_value=as_text(parameter.default),
        minimum="" if parameter.minimum is None else as_text(parameter.minimum),
        maximum="" if parameter.maximum is None else as_text(parameter.maximum),
    )


def strategy_to(row: Row, state: StrategyState, last_event_ns: int = 0) -> strategy_pb2.Strategy:
    """Write a strategy."""
    return strategy_pb2.Strategy(
        id=row.id,
        type=row.type,
        symbols=row.symbols,
        timeframe=trading_pb2.Timeframe.ValueType(row.timeframe),
        parameters=row.parameters,
        state=strategy_pb2.StrategyState.ValueType(state),
        enabled=row.enabled,
        signal_count=row.signal_count,
        last_signal_at=timestamp(row.last_signal_at_ns),
        last_event_at=timestamp(last_event_ns),
        last_error=row.last_error,
        restarts=row.restarts,
        created_at=timestamp(row.created_at_ns),
        updated_at=timestamp(row.updated_at_ns),
        revision=row.revision,
    )


def record_to(record: Record) -> strategy_pb2.SignalRecord:
    """Write a signal and what became of it."""
    outcome = record.outcome
    return strategy_pb2.SignalRecord(
        signal=signal_to(record.signal),
        outcome=strategy_pb2.SignalOutcome.ValueType(outcome.outcome),
        order_id=outcome.order_id,
        decision_id=outcome.decision_id,
        reject_code=outcome.reject_code,
        reject_reason=outcome.reject_reason,
        sequence=record.sequence,
    )


def outcome_of_answer(answer: execution_service_pb2.SubmitSignalsResponse) -> Outcome:
    """Read execution's answer to a signal."""
    kind = FAILED if answer.failed else REFUSED if answer.reject_code else ORDERED
    return Outcome(
        answer.signal_id,
        kind,
        order_id=answer.order.id if answer.HasField("order") else "",
        decision_id=answer.decision_id,
        reject_code=answer.reject_code or (UNAVAILABLE if answer.failed else ""),
        reject_reason=answer.reject_reason,
    )


def outcome_of_event(event: execution_pb2.OrderEvent) -> Outcome | None:
    """Read from the order log what became of a signal; None when the event tells nothing."""
    if event.type == execution_pb2.ORDER_EVENT_TYPE_SIGNAL_REFUSED and event.signal.id:
        return Outcome(
            event.signal.id,
            REFUSED,
            decision_id=event.decision.id,
            reject_code=event.decision.reject_code,
            reject_reason=event.decision.reject_reason,
        )
    signal_id = event.order.signal_id or event.signal.id
    if not signal_id or not event.HasField("order"):
        return None
    return Outcome(
        signal_id,
        ORDERED,
        order_id=event.order.id,
        decision_id=event.order.decision_id,
        filled=event.type in _FILLS,
        unfilled=event.type in _UNFILLED_ENDS,
    )


def view_from(message: portfolio_service_pb2.PortfolioSnapshot) -> PortfolioView:
    """Read a portfolio as strategies need it."""
    summary = message.summary
    positions: dict[tuple[str, str], Decimal] = {}
    for position in message.positions:
        key = (position.strategy_id, position.symbol)
        positions[key] = positions.get(key, ZERO) + parse_decimal(position.qty, "qty")
    return PortfolioView(
        account=summary.account,
        currency=summary.currency,
        equity=_money(summary.equity),
        cash=_money(summary.cash),
        day_start_equity=_money(summary.day_start_equity),
        high_equity=_money(summary.equity),
        applied_sequence=summary.applied_sequence,
        time_ns=time_ns(summary.time),
        positions=positions,
    )


def _money(text: str) -> Decimal:
    return parse_decimal(text) if text else ZERO


def bar_from(message: data_pb2.Bar) -> Bar:
    """Read a stored bar."""
    return Bar(
        message.symbol,
        Timeframe(message.timeframe),
        time_ns(message.time),
        parse_decimal(message.open, "open"),
        parse_decimal(message.high, "high"),
        parse_decimal(message.low, "low"),
        parse_decimal(message.close, "close"),
        parse_decimal(message.volume or "0", "volume"),
        message.source,
    )
