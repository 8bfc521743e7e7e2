"""Builds instruments, views, signals and orders for the tests of risk."""

from __future__ import annotations

from decimal import Decimal

from pi5.domain.event import OrderEvent
from pi5.domain.instrument import AssetClass, Instrument
from pi5.domain.limits import Limits
from pi5.domain.order import (
    Fill,
    Order,
    OrderEventType,
    OrderStatus,
    OrderTerms,
    OrderType,
    Side,
)
from pi5.domain.portfolio import PortfolioView
from pi5.domain.signal import Signal
from pi5.risk.engine import RiskEngine

MS = 1_000_000
NOW = 1_700_000_000_000 * MS


def instrument(symbol: str = "ACME", **changes) -> Instrument:
    fields = {
        "symbol": symbol,
        "name": symbol,
        "asset_class": AssetClass.EQUITY,
        "currency": "USD",
        "venue": "SIM",
        "tick_size": Decimal("0.01"),
        "lot_size": Decimal(1),
    }
    return Instrument(**{**fields, **changes})


def view(sequence: int = 0, time_ns: int = NOW, **changes) -> PortfolioView:
    fields = {
        "account": "main",
        "currency": "USD",
        "equity": Decimal(100_000),
        "cash": Decimal(100_000),
        "day_start_equity": Decimal(100_000),
        "high_equity": Decimal(100_000),
        "applied_sequence": sequence,
        "time_ns": time_ns,
        "positions": {},
    }
    return PortfolioView(**{**fields, **changes})


def engine(price: str = "100", limits: Limits | None = None, **changes) -> RiskEngine:
    """An engine that knows ACME at a fresh price and an account with 100,000 USD."""
    made = RiskEngine(limits or Limits(), {"ACME": instrument()})
    made.on_mark("ACME", Decimal(price), NOW)
    made.on_portfolio(view(**changes))
    return made


def order(
    qty: str | int | Decimal, side: Side = Side.BUY, name: str = "c1", **changes
) -> OrderTerms:
    fields = {
        "client_order_id": name,
        "symbol": "ACME",
        "side": side,
        "type": OrderType.MARKET,
        "qty": Decimal(qty),
        "strategy_id": "trend",
    }
    return OrderTerms(**{**fields, **changes})


def signal(side: Side = Side.BUY, **changes) -> Signal:
    fields = {
        "id": "s1",
        "strategy_id": "trend",
        "symbol": "ACME",
        "side": side,
        "strength": 1.0,
        "confidence": 1.0,
        "reason": "test",
        "reference_price": None,
        "event_time_ns": NOW,
        "created_at_ns": NOW,
    }
    return Signal(**{**fields, **changes})


def log_event(
    sequence: int, terms: OrderTerms, status: OrderStatus, fill: str | int | None = None
) -> OrderEvent:
    """An event of the order log, with an execution where `fill` is given."""
    execution = None
    if fill is not None:
        execution = Fill(
            f"x{sequence}", "o", terms.client_order_id, terms.account, terms.strategy_id,
            terms.symbol, terms.side, Decimal(fill), Decimal(100), Decimal(0), "USD", NOW,
        )  # fmt: skip
    assert terms.qty is not None
    return OrderEvent(
        id=f"e{sequence}",
        type=OrderEventType.FILL if fill is not None else OrderEventType.PENDING_NEW,
        time_ns=NOW,
        causation_id="test",
        order=Order("o", terms, terms.qty, status, "simulated", NOW, NOW),
        fill=execution,
        sequence=sequence,
    )
