"""What services exchange survives the wire unchanged."""

from __future__ import annotations

from decimal import Decimal

from pi5.domain.decision import CheckResult, Decision, Verdict
from pi5.domain.event import OrderEvent
from pi5.domain.market import Bar, Quote, Timeframe, Trade
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
from pi5.domain.signal import Signal
from pi5.kit.wire.market import MarketEvents, batch_to, events_from
from pi5.kit.wire.orders import event_from, event_to

NOW = 1_700_000_000_123_456_789
TERMS = OrderTerms(
    client_order_id="c-1",
    symbol="ACME",
    side=Side.SELL,
    type=OrderType.LIMIT,
    qty=Decimal(3),
    time_in_force=TimeInForce.GTC,
    limit_price=Decimal("10.25"),
    strategy_id="s",
    reduce_only=True,
)


def test_an_event_with_everything_in_it_comes_back_equal() -> None:
    """Order, fill, decision and signal of an event are the same after encoding and decoding."""
    event = OrderEvent(
        id="e-1",
        type=OrderEventType.PARTIAL_FILL,
        time_ns=NOW,
        causation_id="x",
        sequence=9,
        order=Order(
            id="o-1",
            terms=TERMS,
            qty=Decimal(3),
            status=OrderStatus.PARTIALLY_FILLED,
            broker="simulated",
            created_at_ns=NOW,
            updated_at_ns=NOW + 1,
            filled_qty=Decimal(2),
            filled_notional=Decimal("20.50"),
            fees=Decimal("0.01"),
        ),
        fill=Fill(
            "x-1", "o-1", "c-1", "main", "s", "ACME", Side.SELL,
            Decimal(2), Decimal("10.25"), Decimal("0.01"), "USD", NOW,
        ),
        decision=Decision(
            id="d-1",
            approved=True,
            account="main",
            strategy_id="s",
            symbol="ACME",
            side=Side.SELL,
            decided_at_ns=NOW,
            checks=(CheckResult("position_share", Verdict.PASS, "", "0.15", "0.1", "fine"),),
            approved_order=TERMS,
            equity=Decimal(100_000),
        ),
        signal=Signal(
            "g-1", "s", "ACME", Side.SELL, 0.5, 1.0, "cross", Decimal("10.2"), NOW, NOW,
            close_only=True, inputs={"fast": 1.5},
        ),
    )  # fmt: skip
    assert event_from(event_to(event)) == event


def test_market_batches_keep_prices_exact_with_one_scale() -> None:
    """Instruments of different precision share a batch without losing a digit."""
    events = MarketEvents(
        quotes=[
            Quote("A", NOW, Decimal("1.2345"), Decimal(5), Decimal("1.2346"), Decimal("0.001")),
            Quote("B", NOW, None, Decimal(0), Decimal(7), Decimal(1)),
        ],
        trades=[Trade("A", NOW, Decimal("1.2"), Decimal(2), 2)],
        bars=[
            Bar("B", Timeframe.M1, NOW, Decimal(1), Decimal(3), Decimal(1), Decimal(2), Decimal(9))
        ],
    )
    assert events_from(batch_to(events, 1, "e")) == events
