"""One position may not be worth more than an amount, reserved orders included."""

from __future__ import annotations

from pi5.domain.decision import CheckResult
from pi5.risk.situation import (
    EXITS_PASS,
    NO_LIMIT,
    Situation,
    money,
    not_applicable,
    passed,
    refused,
)

NAME = "position_notional"


def check(situation: Situation) -> CheckResult:
    """Hold the symbol's worst value against the amount."""
    most = situation.limits.max_position_notional
    if situation.exit:
        return not_applicable(NAME, EXITS_PASS)
    if most is None:
        return not_applicable(NAME, NO_LIMIT)
    if situation.price is None:
        return not_applicable(NAME, "without a price there is no value to compare")
    value = situation.worst_value("max_position_notional", situation.terms.symbol)
    limit = money(most, situation.rules.currency)
    observed = money(value, situation.rules.currency)
    if value > most:
        return refused(
            NAME, "POSITION_NOTIONAL_LIMIT", limit, observed,
            f"the position could reach {observed}; at most {limit} is allowed",
        )  # fmt: skip
    return passed(NAME, limit, observed, "the position stays within the amount")
