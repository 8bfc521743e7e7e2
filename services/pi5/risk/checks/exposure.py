"""All positions together may not be more than a share of equity, reserved orders included."""

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

NAME = "exposure"


def check(situation: Situation) -> CheckResult:
    """Hold the worst value of all positions against the share of equity."""
    share, view = situation.limits.max_exposure_share, situation.view
    if situation.exit:
        return not_applicable(NAME, EXITS_PASS)
    if share is None:
        return not_applicable(NAME, NO_LIMIT)
    if view is None or situation.price is None:
        return not_applicable(NAME, "without portfolio and price there is nothing to compare")
    with localcontext(EXACT):
        most = share * view.equity
    limit = f"{percent(share)} of equity = {money(most, view.currency)}"
    if situation.exposure.unpriced:
        missing = ", ".join(situation.exposure.unpriced[:5])
        return refused(
            NAME, "EXPOSURE_UNKNOWN", limit, "no price",
            f"the value of all positions is not known: there is no price of {missing}",
        )  # fmt: skip
    value = situation.worst_value("max_exposure_share")
    observed = money(value, view.currency)
    if value > most:
        return refused(
            NAME, "EXPOSURE_LIMIT", limit, observed,
            f"all positions together could reach {observed}; at most {limit} is allowed",
        )  # fmt: skip
    return passed(NAME, limit, observed, f"exposure stays within {percent(share)} of equity")
