"""Builds events of an order log for the tests of portfolio and risk."""

from __future__ import annotations

from decimal import Decimal

from pi5.domain.event import OrderEvent
from pi5.domain.order import Fill, OrderEventType, Side


def fill_event(
    sequence: int,
    side: Side,
    qty: str | Decimal,
    price: str | Decimal,
    fee: str | Decimal = "0",
    symbol: str = "ACME",
    strategy_id: str = "trend",
    execution_id: str = "",
    time_ns: int = 0,
    account: str = "main",
    currency: str = "USD",
) -> OrderEvent:
    """An event with one execution."""
    fill = Fill(
        execution_id=execution_id or f"x{sequence}",
        order_id=f"o{sequence}",
        client_order_id=f"c{sequence}",
        account=account,
        strategy_id=strategy_id,
        symbol=symbol,
        side=side,
        qty=Decimal(qty),
        price=Decimal(price),
        fee=Decimal(fee),
        currency=currency,
        time_ns=time_ns or sequence,
    )
    return OrderEvent(
        id=f"e{sequence}",
        type=OrderEventType.FILL,
        time_ns=time_ns or sequence,
        causation_id="test",
        fill=fill,
        sequence=sequence,
    )
