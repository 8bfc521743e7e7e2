"""Which orders are refused before anybody judges them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from pi5.api.common.v1 import trading_pb2
from pi5.api.execution.v1 import broker_service_pb2
from pi5.domain.errors import Fault, InvalidInput
from pi5.domain.order import OrderType, TimeInForce
from pi5.execution.convert import broker_order_from, refuse_unsupported
from pi5.execution.rules import check_terms

from tests.unit.execution.orders import ACME, NOW, terms


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"qty": None}, "MISSING_FIELD"),
        ({"qty": Decimal(0)}, "BAD_QTY"),
        ({"qty": Decimal(-1)}, "BAD_QTY"),
        ({"qty": Decimal("NaN")}, "BAD_QTY"),
        ({"qty": Decimal("Infinity")}, "BAD_QTY"),
        ({"qty": Decimal("1e30")}, "BAD_QTY"),
        ({"qty": Decimal("0.3")}, "OFF_LOT_GRID"),
        ({"limit_price": None}, "MISSING_LIMIT_PRICE"),
        ({"limit_price": Decimal("100.001")}, "OFF_TICK_GRID"),
        ({"limit_price": Decimal(-1)}, "BAD_LIMIT_PRICE"),
        ({"limit_price": Decimal("NaN")}, "BAD_LIMIT_PRICE"),
        ({"type": OrderType.MARKET}, "LIMIT_PRICE_NOT_ALLOWED"),
        ({"type": OrderType.MARKET, "limit_price": None, "post_only": True},
         "POST_ONLY_NOT_ALLOWED"),
        ({"time_in_force": TimeInForce.IOC, "post_only": True}, "POST_ONLY_NOT_ALLOWED"),
        ({"time_in_force": TimeInForce.GTD}, "MISSING_EXPIRY"),
        ({"time_in_force": TimeInForce.GTD, "expires_at_ns": NOW}, "EXPIRED"),
        ({"expires_at_ns": NOW + 1}, "EXPIRY_NOT_ALLOWED"),
        ({"type": OrderType.STOP}, "ORDER_TYPE_NOT_SUPPORTED"),
        ({"type": OrderType.STOP_LIMIT}, "ORDER_TYPE_NOT_SUPPORTED"),
        ({"type": OrderType.TRAILING_STOP}, "ORDER_TYPE_NOT_SUPPORTED"),
        ({"stop_price": Decimal(99)}, "ORDER_TYPE_NOT_SUPPORTED"),
        ({"notional": Decimal(99)}, "ORDER_TYPE_NOT_SUPPORTED"),
        ({"client_order_id": "with space"}, "BAD_CLIENT_ORDER_ID"),
        ({"client_order_id": "x" * 129}, "BAD_CLIENT_ORDER_ID"),
        ({"account": "a\x00b"}, "BAD_NAME"),
        ({"strategy_id": "x" * 65}, "BAD_NAME"),
    ],
)  # fmt: skip
def test_an_unsound_order_is_refused_with_its_code(changes, code):
    """Every way of being wrong has a stable code and names its field."""
    with pytest.raises(InvalidInput) as caught:
        check_terms(terms(**changes), ACME, NOW)
    assert caught.value.code == code
    assert caught.value.field


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"qty": Decimal("0.5")},
        {"type": OrderType.MARKET, "limit_price": None},
        {"time_in_force": TimeInForce.GTD, "expires_at_ns": NOW + 1},
        {"post_only": True},
        {"client_order_id": "x" * 128},
    ],
)
def test_a_sound_order_passes(changes):
    """The limits themselves are allowed."""
    check_terms(terms(**changes), ACME, NOW)


def test_instruments_to_watch_and_least_values_are_held():
    """An index cannot be traded, and a venue's least value counts."""
    with pytest.raises(Fault, match="only be watched"):
        check_terms(terms(), replace(ACME, tradable=False), NOW)
    with pytest.raises(InvalidInput) as caught:
        check_terms(terms(), replace(ACME, min_notional=Decimal(1001)), NOW)
    assert caught.value.code == "BELOW_MIN_NOTIONAL"


@pytest.mark.parametrize(
    "fields",
    [
        {"order_class": trading_pb2.ORDER_CLASS_OCO},
        {"take_profit": trading_pb2.TakeProfit(limit_price="1")},
        {"stop_loss": trading_pb2.StopLoss(stop_price="1")},
        {"algorithm": trading_pb2.Algorithm(type=trading_pb2.ALGORITHM_TYPE_TWAP)},
        {"trail_percent": "1"},
        {"extended_hours": True},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_parts_of_the_contract_that_are_not_traded_yet_are_refused(fields):
    """Nothing is silently left out of an order."""
    with pytest.raises(InvalidInput) as caught:
        refuse_unsupported(trading_pb2.OrderTerms(**fields))
    assert caught.value.code == "ORDER_TYPE_NOT_SUPPORTED"
    assert caught.value.field == next(iter(fields))


def test_what_a_broker_says_is_made_fit_to_be_stored():
    """Words are cut and cleaned; a name that cannot be stored or compared is refused."""
    message = broker_service_pb2.BrokerOrder(
        client_order_id="c-1", symbol="ACME", side=trading_pb2.SIDE_BUY, status=10, qty="1",
        reject_reason="no\x00way" + "x" * 1_000,
    )  # fmt: skip
    order = broker_order_from(message)
    assert order.reject_reason.startswith("no?way")
    assert len(order.reject_reason) == 500
    message.client_order_id = "c\x001"
    with pytest.raises(ValueError, match="as a name"):
        broker_order_from(message)
