"""Orders, decisions and reports for tests of execution."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pi5.domain.broker import BrokerExecution, BrokerOrder, BrokerReport
from pi5.domain.decision import Decision
from pi5.domain.instrument import AssetClass, Instrument
from pi5.domain.order import OrderStatus, OrderTerms, OrderType, Side
from pi5.domain.signal import Signal
from pi5.execution.engine import ExecutionEngine

DECISION_ID = "00000000-0000-4000-8000-000000000001"
NOW = 1_700_000_000_000_000_000
ACME = Instrument("ACME", "Acme", AssetClass.EQUITY, "USD", "FAKE", Decimal("0.01"), Decimal("0.5"))


def terms(**changes: Any) -> OrderTerms:
    plain = OrderTerms(
        client_order_id="c-1",
        symbol="ACME",
        side=Side.BUY,
        type=OrderType.LIMIT,
        qty=Decimal(10),
        limit_price=Decimal("100.00"),
    )
    return replace(plain, **changes)


def decision(order: OrderTerms | None, **changes: Any) -> Decision:
    plain = Decision(
        id=DECISION_ID,
        approved=order is not None,
        account="main",
        strategy_id="manual",
        symbol="ACME",
        side=Side.BUY,
        decided_at_ns=NOW,
        checks=(),
        approved_order=order,
        mark_price=Decimal(100),
        valid_until_ns=NOW + 2_000_000_000,
    )
    return replace(plain, **changes)


def signal(**changes: Any) -> Signal:
    plain = Signal("s-1", "trend", "ACME", Side.BUY, 1.0, 0.5, "why", Decimal(99), NOW, NOW)
    return replace(plain, **changes)


def new_engine(**options: Any) -> ExecutionEngine:
    numbers = itertools.count(1)
    return ExecutionEngine(lambda: f"id-{next(numbers)}", **options)


def opened(engine: ExecutionEngine, order_id: str = "o-1", **changes: Any) -> Any:
    """Open an order in the engine; return the effects."""
    wanted = terms(**changes)
    judged = decision(wanted)
    approved = engine.approve(judged, wanted, NOW)
    return engine.new_order(approved, order_id, "fake", None, NOW, judged)


def seen(
    status: OrderStatus = OrderStatus.ACCEPTED, filled: object = 0, **changes: Any
) -> BrokerOrder:
    plain = BrokerOrder(
        "c-1", "ACME", Side.BUY, status, Decimal(10), Decimal(str(filled)), broker_order_id="b-1"
    )
    return replace(plain, **changes)


def execution(number: object, qty: object, **changes: Any) -> BrokerExecution:
    plain = BrokerExecution(
        f"x-{number}", "c-1", "ACME", Side.BUY, Decimal(str(qty)), Decimal(100), Decimal("0.05"),
        "USD", NOW + 5,
    )  # fmt: skip
    return replace(plain, **changes)


def fill_report(
    number: object, qty: object, filled: object, status: OrderStatus | None = None
) -> BrokerReport:
    """A report of an execution, with the cumulative quantity after it."""
    done = Decimal(str(filled)) >= 10
    after = status or (OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED)
    return BrokerReport(seen(after, filled), execution(number, qty))
