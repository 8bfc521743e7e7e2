"""Without permission nothing is sold that the strategy does not hold."""

from __future__ import annotations

from pi5.domain.decision import CheckResult
from pi5.domain.money import ZERO, wire
from pi5.domain.order import Side
from pi5.risk.situation import Situation, not_applicable, passed, refused

NAME = "short_selling"


def check(situation: Situation) -> CheckResult:
    """Hold a sell against what the strategy holds and is not selling already."""
    if situation.terms.side is Side.BUY:
        return not_applicable(NAME, "buying cannot sell short")
    if situation.limits.allow_short:
        return not_applicable(NAME, "short selling is allowed")
    claim, terms = situation.claim, situation.terms
    free = max(claim.held - claim.selling, ZERO)
    limit, observed = f"{wire(free)} {terms.symbol}", f"{wire(situation.qty)} {terms.symbol}"
    if situation.qty > free:
        return refused(
            NAME, "SHORT_NOT_ALLOWED" if free else "NOTHING_TO_SELL", limit, observed,
            f"{terms.strategy_id} holds {wire(free)} {terms.symbol} that it could sell; "
            "short selling is off",
        )  # fmt: skip
    return passed(NAME, limit, observed, "the strategy holds what it sells")
