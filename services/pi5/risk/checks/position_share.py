"""No position may be more than a share of equity, reserved orders included."""

from __future__ import annotations

from decimal import localcontext

from pi5.domain.decision import CheckResult
from pi5.domain.money import EXACT
from pi5.risk.situation import (
    EXITS_PASS,
    NO_LIMIT,
    Situation,
    money,
    not_applicable,
    passed,
    percent,
    refused,
)

NAME = "position_share"


def check(situation: Situation) -> CheckResult:
    """Hold the symbol's worst value against the share of equity."""
    share, view = situation.limits.max_position_share, situation.view
    if situation.exit:
        return not_applicable(NAME, EXITS_PASS)
    if share is None:
        return not_applicable(NAME, NO_LIMIT)
    if view is None or situation.price is None:
        return not_applicable(NAME, "without portfolio and price there is nothing to compare")
    with localcontext(EXACT):
        most = share * view.equity
    value = situation.worst_value("max_position_share", situation.terms.symbol)
    limit = f"{percent(share)} of equity = {money(most, view.currency)}"
    observed = money(value, view.currency)
    if value > most:
        return refused(
            NAME, "POSITION_LIMIT", limit, observed,
            f"the position in {situation.terms.symbol} could reach {observed}; "
            f"at most {limit} is allowed",
        )  # fmt: skip
    return passed(NAME, limit, observed, f"the position stays within {percent(share)} of equity")
