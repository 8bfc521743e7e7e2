"""What an order must be like before anybody judges it, and what risk's answer must be like."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from pi5.domain.decision import Decision
from pi5.domain.errors import Fault, InvalidInput, Precondition
from pi5.domain.instrument import Instrument
from pi5.domain.money import is_multiple, wire
from pi5.domain.order import OrderTerms, OrderType, TimeInForce
from pi5.domain.signal import Signal

SUPPORTED_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT})
_CLIENT_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_NAME = re.compile(r"[ -~]{1,64}", re.ASCII)
_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
_MOST_DIGITS = 24


def not_supported(field: str, what: str) -> InvalidInput:
    """Return the fault for a kind of order that this release does not trade."""
    return InvalidInput(
        "ORDER_TYPE_NOT_SUPPORTED", f"this release does not support {what}", field=field
    )


def check_terms(terms: OrderTerms, instrument: Instrument, now_ns: int) -> None:
    """Hold an order against the instrument's grid and against itself.

    Raises:
        InvalidInput: with a stable code and the field at fault.
        Precondition: NOT_TRADABLE.
    """
    if not _CLIENT_ID.fullmatch(terms.client_order_id):
        raise InvalidInput(
            "BAD_CLIENT_ORDER_ID",
            "client_order_id must be 1 to 128 printable characters without spaces",
            field="client_order_id",
        )
    for field, name in (("account", terms.account), ("strategy_id", terms.strategy_id)):
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                "BAD_NAME", f"{field} must be 1 to 64 printable characters", field=field
            )
    if not instrument.tradable:
        raise Precondition("NOT_TRADABLE", f"{instrument.symbol} can only be watched")
    if terms.type not in SUPPORTED_TYPES:
        raise not_supported("type", f"{terms.type.name.lower()} orders")
    if terms.stop_price is not None:
        raise not_supported("stop_price", "a trigger price")
    if terms.notional is not None:
        raise not_supported("notional", "orders by notional; give qty")
    _check_qty(terms, instrument)
    _check_limit(terms, instrument)
    _check_time(terms, now_ns)


def _check_qty(terms: OrderTerms, instrument: Instrument) -> None:
    qty = terms.qty
    if qty is None:
        raise InvalidInput("MISSING_FIELD", "an order needs qty", field="qty")
    if not qty.is_finite() or qty <= 0 or qty.adjusted() >= _MOST_DIGITS:
        raise InvalidInput("BAD_QTY", f"qty must be more than 0, not {qty}", field="qty")
    if not is_multiple(qty, instrument.lot_size):
        raise InvalidInput(
            "OFF_LOT_GRID",
            f"qty must be a multiple of {wire(instrument.lot_size)}, not {wire(qty)}",
            field="qty",
        )


def _check_limit(terms: OrderTerms, instrument: Instrument) -> None:
    limit = terms.limit_price
    if terms.type is OrderType.MARKET:
        if limit is not None:
            raise InvalidInput(
                "LIMIT_PRICE_NOT_ALLOWED", "a market order has no limit_price", field="limit_price"
            )
        if terms.post_only:
            raise InvalidInput(
                "POST_ONLY_NOT_ALLOWED", "only a limit order can be post_only", field="post_only"
            )
        return
    if limit is None:
        raise InvalidInput(
            "MISSING_LIMIT_PRICE", "a limit order needs limit_price", field="limit_price"
        )
    if not limit.is_finite() or limit <= 0 or limit.adjusted() >= _MOST_DIGITS:
        raise InvalidInput(
            "BAD_LIMIT_PRICE", f"limit_price must be more than 0, not {limit}", field="limit_price"
        )
    if not is_multiple(limit, instrument.tick_size):
        raise InvalidInput(
            "OFF_TICK_GRID",
            f"limit_price must be a multiple of {wire(instrument.tick_size)}, not {wire(limit)}",
            field="limit_price",
        )
    least = instrument.min_notional
    if least is not None and terms.qty is not None and limit * terms.qty < least:
        raise InvalidInput(
            "BELOW_MIN_NOTIONAL", f"the order's value must be at least {wire(least)}", field="qty"
        )


def _check_time(terms: OrderTerms, now_ns: int) -> None:
    gtd = terms.time_in_force is TimeInForce.GTD
    if gtd and not terms.expires_at_ns:
        raise InvalidInput("MISSING_EXPIRY", "a GTD order needs expires_at", field="expires_at")
    if gtd and terms.expires_at_ns <= now_ns:
        raise InvalidInput("EXPIRED", "expires_at must lie in the future", field="expires_at")
    if not gtd and terms.expires_at_ns:
        raise InvalidInput(
            "EXPIRY_NOT_ALLOWED", "only a GTD order has expires_at", field="expires_at"
        )
    if terms.post_only and terms.time_in_force in _AT_ONCE:
        raise InvalidInput(
            "POST_ONLY_NOT_ALLOWED", "a post_only order must be able to rest", field="post_only"
        )


def approved_order(decision: Decision, asked: OrderTerms, now_ns: int) -> OrderTerms:
    """Return the order that risk approved: exactly what was asked, or less of it.

    Raises:
        Fault: NOT_APPROVED, APPROVAL_MISMATCH or APPROVAL_EXPIRED; nothing may be sent.
    """
    order = _approved(decision, now_ns)
    if asked.qty is None or replace(asked, qty=order.qty) != order:
        raise _mismatch(decision, "its order is not the one that was asked about")
    if order.qty is None or not 0 < order.qty <= asked.qty:
        raise _mismatch(decision, "its quantity is not between 0 and what was asked")
    return order


def approved_signal(
    decision: Decision, signal: Signal, account: str, client_order_id: str, now_ns: int
) -> OrderTerms:
    """Return the order that risk approved and sized for a signal.

    Raises:
        Fault: NOT_APPROVED, APPROVAL_MISMATCH or APPROVAL_EXPIRED; nothing may be sent.
    """
    order = _approved(decision, now_ns)
    asked = (client_order_id, account, signal.strategy_id, signal.symbol, signal.side)
    given = (order.client_order_id, order.account, order.strategy_id, order.symbol, order.side)
    if asked != given or order.qty is None or order.qty <= Decimal(0):
        raise _mismatch(decision, "its order does not belong to the signal")
    return order


def _approved(decision: Decision, now_ns: int) -> OrderTerms:
    if not decision.approved or decision.approved_order is None:
        raise Fault("NOT_APPROVED", f"risk did not approve this (decision {decision.id})")
    if now_ns > decision.valid_until_ns:
        raise Precondition("APPROVAL_EXPIRED", "risk's approval came too late to be used")
    return decision.approved_order


def _mismatch(decision: Decision, why: str) -> Fault:
    return Fault("APPROVAL_MISMATCH", f"risk's decision {decision.id} cannot be used: {why}")
