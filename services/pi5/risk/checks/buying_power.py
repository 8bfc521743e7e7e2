"""A buy must be paid from cash that no other order has reserved."""

from __future__ import annotations

from decimal import localcontext

from pi5.domain.decision import CheckResult
from pi5.domain.money import EXACT
from pi5.domain.order import Side
from pi5.risk.situation import EXITS_PASS, Situation, money, not_applicable, passed, refused

NAME = "buying_power"


def check(situation: Situation) -> CheckResult:
    """Hold the order's cost against cash less what is reserved."""
    view, price = situation.view, situation.price
    if situation.exit:
        return not_applicable(NAME, EXITS_PASS)
    if situation.terms.side is Side.SELL:
        return not_applicable(NAME, "selling needs no cash; exposure limits short positions")
    if view is None or price is None:
        return not_applicable(NAME, "without portfolio and price there is nothing to compare")
    with localcontext(EXACT):
        free = view.cash - situation.exposure.reserved_cash
        cost = situation.qty * price
    limit, observed = money(free, view.currency), money(cost, view.currency)
    if cost > free:
        return refused(
            NAME, "INSUFFICIENT_BUYING_POWER", limit, observed,
            f"the order may cost {observed}; {limit} of cash are free",
        )  # fmt: skip
    return passed(NAME, limit, observed, "there is enough free cash")
