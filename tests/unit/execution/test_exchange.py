"""The simulated exchange fills as a venue would, exactly and the same way every time."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pi5.domain.market import Bar, Quote, Timeframe
from pi5.domain.order import OrderStatus, OrderType, Side, TimeInForce
from pi5.execution.brokers.exchange import SimulatedExchange

from tests.unit.execution.orders import ACME, NOW, terms

S = OrderStatus
DAY_NS = 86_400_000_000_000


def quote(bid="99.90", bid_size=100, ask="100.10", ask_size=100):
    return Quote(
        "ACME", NOW, Decimal(bid) if bid else None, Decimal(bid_size),
        Decimal(ask) if ask else None, Decimal(ask_size),
    )  # fmt: skip


@pytest.fixture
def exchange():
    made = SimulatedExchange(Decimal("0.001"))
    made.on_instrument(ACME)
    made.on_quote(quote(), NOW)
    return made


def market(**changes):
    return terms(type=OrderType.MARKET, limit_price=None, **changes)


def statuses(reports):
    return [report.order.status for report in reports]


def test_a_market_order_takes_the_other_side(exchange):
    """Accepted, then filled at the ask, with a fee in cents."""
    reports = exchange.place(market(), NOW)
    assert statuses(reports) == [S.ACCEPTED, S.FILLED]
    execution = reports[1].execution
    assert (execution.price, execution.qty, execution.fee) == (
        Decimal("100.10"), Decimal(10), Decimal("1.00"),
    )  # fmt: skip


def test_more_than_is_shown_is_filled_in_part(exchange):
    """The size that is there is filled; the rest of a market order is canceled."""
    exchange.on_quote(quote(ask_size=4), NOW)
    reports = exchange.place(market(), NOW)
    assert statuses(reports) == [S.ACCEPTED, S.PARTIALLY_FILLED, S.CANCELED]
    assert reports[-1].order.filled_qty == 4


def test_shown_size_is_filled_once_until_the_next_quote(exchange):
    """Liquidity that was taken is gone until there is fresh data."""
    exchange.place(market(qty=Decimal(100)), NOW)
    refused = exchange.place(market(client_order_id="c-2"), NOW)
    assert refused[0].order.reject_code == "NO_LIQUIDITY"
    exchange.on_quote(quote(), NOW)
    assert statuses(exchange.place(market(client_order_id="c-3"), NOW))[-1] is S.FILLED


def test_without_a_price_a_market_order_is_refused():
    """An exchange that has seen no quote, or lost its feed, fills nothing."""
    exchange = SimulatedExchange(Decimal(0))
    exchange.on_instrument(ACME)
    assert exchange.place(market(), NOW)[0].order.reject_code == "NO_MARKET"
    exchange.on_quote(quote(), NOW)
    exchange.market_lost()
    answer = exchange.place(market(client_order_id="c-2"), NOW)
    assert answer[0].order.reject_code == "NO_MARKET"


def test_a_limit_order_rests_and_is_filled_at_its_own_price(exchange):
    """Price-time: the quote that crosses a resting order fills it at the order's price."""
    assert statuses(exchange.place(terms(limit_price=Decimal("99.50")), NOW)) == [S.ACCEPTED]
    reports = exchange.on_quote(quote(bid="99.00", ask="99.40"), NOW)
    assert statuses(reports) == [S.FILLED]
    assert reports[0].execution.price == Decimal("99.50")


def test_a_rest_after_part_of_the_size_keeps_working(exchange):
    """Partial fills over several quotes add up and carry ids of their own."""
    exchange.place(terms(limit_price=Decimal("99.50")), NOW)
    first = exchange.on_quote(quote(bid="99.00", ask="99.50", ask_size=4), NOW)
    second = exchange.on_quote(quote(bid="99.00", ask="99.50", ask_size=9), NOW)
    assert [r.execution.qty for r in first + second] == [Decimal(4), Decimal(6)]
    assert len({r.execution.execution_id for r in first + second}) == 2


@pytest.mark.parametrize(
    ("time_in_force", "reason"),
    [(TimeInForce.IOC, "IMMEDIATE_OR_CANCEL"), (TimeInForce.FOK, "FILL_OR_KILL")],
)
def test_at_once_or_not_at_all(exchange, time_in_force, reason):
    """IOC keeps what it got, FOK gets all or nothing."""
    exchange.on_quote(quote(ask_size=4), NOW)
    order = terms(limit_price=Decimal("100.10"), time_in_force=time_in_force)
    last = exchange.place(order, NOW)[-1].order
    assert (last.status, last.reject_code) == (S.CANCELED, reason)
    assert last.filled_qty == (4 if time_in_force is TimeInForce.IOC else 0)


def test_post_only_does_not_trade_at_once(exchange):
    """An order that only wants to rest is refused where it would cross."""
    order = terms(limit_price=Decimal("100.10"), post_only=True)
    answer = exchange.place(order, NOW)[0].order
    assert (answer.status, answer.reject_code) == (S.REJECTED, "POST_ONLY_WOULD_CROSS")


def test_cancel_and_expiry_take_an_order_out(exchange):
    """A canceled or expired order is not filled any more; cancelling again does nothing."""
    low = Decimal("99.50")
    exchange.place(terms(limit_price=low), NOW)
    exchange.place(terms(client_order_id="c-2", limit_price=low), NOW)
    gtd = {"time_in_force": TimeInForce.GTD, "expires_at_ns": NOW + 10}
    exchange.place(terms(client_order_id="c-3", limit_price=low, **gtd), NOW)
    assert statuses(exchange.cancel("c-1")) == [S.CANCELED]
    assert exchange.cancel("c-1") == []
    assert [r.order.client_order_id for r in exchange.expire(NOW + 10)] == ["c-3"]
    assert statuses(exchange.expire(NOW + DAY_NS)) == [S.EXPIRED]
    assert exchange.on_quote(quote(bid="99.00", ask="99.10"), NOW) == []


def test_books_restored_after_a_restart_keep_their_order():
    """Working orders taken back fill in the order of their arrival, with the quantity left."""
    before = SimulatedExchange(Decimal(0))
    before.on_instrument(ACME)
    before.on_quote(quote(), NOW)
    low = Decimal("99.50")
    for name in ("c-1", "c-2"):
        before.place(terms(client_order_id=name, limit_price=low), NOW)
    before.on_quote(quote(bid="99.00", ask="99.50", ask_size=4), NOW)
    after = SimulatedExchange(Decimal(0))
    after.on_instrument(ACME)
    after.restore(before.open_orders()[::-1])
    reports = after.on_quote(quote(bid="99.00", ask="99.50", ask_size=7), NOW)
    assert [(r.order.client_order_id, r.execution.qty) for r in reports] == [
        ("c-1", Decimal(6)), ("c-2", Decimal(1)),
    ]  # fmt: skip
    assert after.place(market(client_order_id="c-3", side=Side.SELL), NOW)[0].order


def test_a_bar_stands_in_where_there_are_no_quotes():
    """One tick to each side of the close; once there are quotes, bars are ignored."""
    exchange = SimulatedExchange(Decimal(0))
    exchange.on_instrument(ACME)
    close = Decimal("50.005")  # between two ticks
    bar = Bar("ACME", Timeframe.D1, NOW, close, close, close, close, Decimal(0))
    exchange.on_bar(bar, NOW)
    assert exchange.place(market(), NOW)[-1].execution.price == Decimal("50.02")
    exchange.on_quote(quote(), NOW)
    exchange.on_bar(bar, NOW)
    last = exchange.place(market(client_order_id="c-2"), NOW)[-1]
    assert last.execution.price == Decimal("100.10")


def test_a_dirty_quote_does_no_harm(exchange):
    """A crossed, empty or worthless quote shows nothing."""
    for dirty in (quote(bid="101", ask="100"), quote(bid="", ask=""), quote(bid="0", ask="0")):
        exchange.on_quote(dirty, NOW)
        answer = exchange.place(market(client_order_id=str(id(dirty))), NOW)
        assert answer[0].order.reject_code == "NO_MARKET"
