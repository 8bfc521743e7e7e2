"""Fills from bars: gaps, touches, slippage, volume, latency, time in force."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pi5.backtest.exchange import BarExchange
from pi5.backtest.spec import Costs
from pi5.domain.instrument import AssetClass, Instrument
from pi5.domain.market import Bar, Timeframe
from pi5.domain.order import OrderStatus, OrderTerms, OrderType, Side, TimeInForce

DAY_NS = 86_400_000_000_000
D = Decimal
ACME = Instrument("ACME", "Acme", AssetClass.EQUITY, "USD", "SIM", D("0.05"), D(1))


def bar(day: int, opened: str, high: str, low: str, close: str, volume: str = "1000") -> Bar:
    prices = (D(opened), D(high), D(low), D(close))
    return Bar("ACME", Timeframe.D1, day * DAY_NS, *prices, D(volume))


def terms(side: Side = Side.BUY, qty: str = "10", limit: str = "", **changes) -> OrderTerms:
    return OrderTerms(
        client_order_id=changes.pop("client_order_id", "c1"),
        symbol="ACME",
        side=side,
        type=changes.pop("type", OrderType.LIMIT if limit else OrderType.MARKET),
        qty=D(qty),
        limit_price=D(limit) if limit else None,
        **changes,
    )


def exchange(**costs) -> BarExchange:
    return BarExchange(Costs(**costs), {"ACME": ACME})


def fills(reports) -> list[tuple[str, str]]:
    return [(str(r.execution.qty), str(r.execution.price)) for r in reports if r.execution]


def statuses(reports) -> list[OrderStatus]:
    return [report.order.status for report in reports]


def test_a_market_order_fills_at_the_next_open() -> None:
    """The bar on which was decided is over; the next price there is, is the next open."""
    venue = exchange()
    assert venue.place(terms(), DAY_NS).order.status is OrderStatus.ACCEPTED
    reports = venue.on_bar(bar(1, "10", "12", "9", "11"))
    assert fills(reports) == [("10", "10")]
    assert statuses(reports) == [OrderStatus.FILLED]
    assert venue.on_bar(bar(2, "10", "12", "9", "11")) == []


@pytest.mark.parametrize(("side", "expected"), [(Side.BUY, "10.05"), (Side.SELL, "9.95")])
def test_slippage_is_against_the_order_and_rounded_against_it(side: Side, expected: str) -> None:
    """0.1 % of 10 is 0.01; the grid is 0.05, so it costs a whole step."""
    venue = exchange(slippage_rate=D("0.001"))
    venue.place(terms(side), 0)
    assert fills(venue.on_bar(bar(0, "10", "12", "9", "11"))) == [("10", expected)]


@pytest.mark.parametrize(
    ("side", "limit", "expected"),
    [
        (Side.BUY, "9.50", "9.50"),  # traded through
        (Side.BUY, "9.00", None),  # only touched: others were there first
        (Side.BUY, "8.00", None),  # not reached
        (Side.BUY, "10.50", "10"),  # opened better than the limit
        (Side.SELL, "11.50", "11.50"),
        (Side.SELL, "12.00", None),
        (Side.SELL, "9.50", "10"),
    ],
)
def test_limit_orders_fill_when_traded_through_and_at_a_gap_at_the_open(
    side: Side, limit: str, expected: str | None
) -> None:
    """A limit is the worst price; an open beyond it is better and is given."""
    venue = exchange()
    venue.place(terms(side, limit=limit), 0)
    found = fills(venue.on_bar(bar(0, "10", "12", "9", "11")))
    assert found == ([("10", expected)] if expected else [])


def test_a_bar_gives_no_more_than_its_share_of_volume() -> None:
    """Orders of one bar share it, oldest first; the rest goes on with the next bar."""
    venue = exchange(max_volume_share=D("0.01"))
    venue.place(terms(time_in_force=TimeInForce.GTC), 0)
    venue.place(terms(client_order_id="c2", time_in_force=TimeInForce.GTC), 0)
    reports = venue.on_bar(bar(0, "10", "12", "9", "11", volume="1500"))
    assert fills(reports) == [("10", "10"), ("5", "10")]
    assert statuses(reports) == [OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED]
    reports = venue.on_bar(bar(1, "20", "22", "19", "21"))
    assert fills(reports) == [("5", "20")]
    assert reports[0].order.filled_qty == 10


def test_day_orders_end_with_the_day_they_met_and_gtc_ones_do_not() -> None:
    """What did not fill in its session expires before the next one begins."""
    venue = exchange()
    venue.place(terms(limit="1"), 0)
    venue.place(terms(limit="1", client_order_id="c2", time_in_force=TimeInForce.GTC), 0)
    assert venue.on_bar(bar(5, "10", "12", "9", "11")) == []
    assert statuses(venue.on_bar(bar(6, "10", "12", "0.5", "11"))) == [
        OrderStatus.EXPIRED,
        OrderStatus.FILLED,
    ]


def test_gtd_orders_expire_at_their_time() -> None:
    """A bar that begins when the order's time is over does not fill it."""
    venue = exchange()
    gtd = {"time_in_force": TimeInForce.GTD, "expires_at_ns": 2 * DAY_NS}
    venue.place(terms(limit="1", **gtd), 0)
    assert venue.on_bar(bar(1, "10", "12", "9", "11")) == []
    assert statuses(venue.on_bar(bar(2, "0.5", "12", "0.5", "11"))) == [OrderStatus.EXPIRED]


@pytest.mark.parametrize(
    ("time_in_force", "expected"),
    [
        (TimeInForce.IOC, [OrderStatus.PARTIALLY_FILLED, OrderStatus.CANCELED]),
        (TimeInForce.FOK, [OrderStatus.CANCELED]),
    ],
)
def test_immediate_orders_do_not_wait(time_in_force, expected) -> None:
    """IOC takes what there is, FOK all or nothing; neither rests."""
    venue = exchange(max_volume_share=D("0.005"))
    venue.place(terms(time_in_force=time_in_force), 0)
    assert statuses(venue.on_bar(bar(0, "10", "12", "9", "11"))) == expected
    assert venue.on_bar(bar(1, "10", "12", "9", "11")) == []


def test_latency_longer_than_a_bar_misses_it() -> None:
    """An order meets the first bar that ends after it arrived, and fills not before it did."""
    venue = exchange(latency_ms=86_400_000 + 5)
    venue.place(terms(), DAY_NS)
    assert venue.on_bar(bar(1, "10", "12", "9", "11")) == []
    (report,) = venue.on_bar(bar(2, "20", "22", "19", "21"))
    assert report.execution.price == 20
    assert report.execution.time_ns == 2 * DAY_NS + 5_000_000


def test_fees_are_a_share_of_the_value_but_at_least_the_least() -> None:
    """Rounded to cents like everywhere else."""
    for rate, least, expected in [("0.001", "0", "0.10"), ("0.001", "1", "1"), ("0", "0", "0.00")]:
        venue = exchange(fee_rate=D(rate), min_fee=D(least))
        venue.place(terms(), 0)
        (report,) = venue.on_bar(bar(0, "10", "12", "9", "11"))
        assert report.execution.fee == D(expected)


def test_a_cancel_takes_the_order_out() -> None:
    """A canceled order does not fill; an unknown one is not there."""
    venue = exchange()
    venue.place(terms(limit="9.50"), 0)
    assert venue.cancel("c1").order.status is OrderStatus.CANCELED
    assert venue.cancel("c1") is None
    assert venue.on_bar(bar(0, "10", "12", "9", "11")) == []


def test_kinds_that_bars_cannot_fill_are_refused() -> None:
    """A stop order is refused with a reason, not kept in silence."""
    report = exchange().place(terms(type=OrderType.STOP, stop_price=D(9)), 0)
    assert report.order.status is OrderStatus.REJECTED
    assert report.order.reject_code == "TYPE_NOT_SUPPORTED"
