"""A limit or stop price may not lie far from the market: it catches slips of the finger."""

from __future__ import annotations

from decimal import localcontext

from pi5.domain.decision import CheckResult
from pi5.domain.money import EXACT, wire
from pi5.risk.situation import NO_LIMIT, Situation, not_applicable, passed, percent, refused

NAME = "price_collar"


def check(situation: Situation) -> CheckResult:
    """Hold the order's prices, exits included, against their distance from the mark."""
    share, terms = situation.limits.price_collar_share, situation.terms
    if share is None:
        return not_applicable(NAME, NO_LIMIT)
    prices = [price for price in (terms.limit_price, terms.stop_price) if price is not None]
    if not prices or situation.mark is None:
        return not_applicable(NAME, "there is no price to compare with the market")
    mark = situation.mark.price
    with localcontext(EXACT):
        furthest = max(prices, key=lambda price: abs(price - mark))
        distance = abs(furthest - mark)
        outside = distance > share * mark
        observed = percent(distance / mark)
    limit = f"{percent(share)} of {wire(mark)}"
    if outside:
        return refused(
            NAME, "PRICE_COLLAR", limit, observed,
            f"{wire(furthest)} lies {observed} from the market at {wire(mark)}",
        )  # fmt: skip
    return passed(NAME, limit, observed, "the price is near the market")
