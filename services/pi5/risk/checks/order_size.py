"""One order may not be larger than a quantity or a value."""

from __future__ import annotations

from decimal import localcontext

from pi5.domain.decision import CheckResult
from pi5.domain.money import EXACT, wire
from pi5.risk.situation import NO_LIMIT, Situation, money, not_applicable, passed, refused

NAME = "order_size"


def check(situation: Situation) -> CheckResult:
    """Hold quantity and value of the order, exits included, against the limits.

    Exits are held too: a size limit catches a wrong order, whichever way it goes.
    """
    limits, qty = situation.limits, situation.qty
    if limits.max_order_qty is None and limits.max_order_notional is None:
        return not_applicable(NAME, NO_LIMIT)
    if limits.max_order_qty is not None and qty > limits.max_order_qty:
        return refused(
            NAME, "ORDER_QTY_LIMIT", wire(limits.max_order_qty), wire(qty),
            f"an order may be {wire(limits.max_order_qty)} at most",
        )  # fmt: skip
    if limits.max_order_notional is None:
        return passed(NAME, wire(limits.max_order_qty), wire(qty), "the order is small enough")
    if situation.price is None:
        return not_applicable(NAME, "without a price there is no value to compare")
    with localcontext(EXACT):
        value = qty * situation.price
    currency = situation.rules.currency
    limit, observed = money(limits.max_order_notional, currency), money(value, currency)
    if value > limits.max_order_notional:
        return refused(
            NAME, "ORDER_NOTIONAL_LIMIT", limit, observed, f"an order may be worth {limit} at most"
        )
    return passed(NAME, limit, observed, "the order is small enough")
