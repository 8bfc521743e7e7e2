"""After a fall from the highest equity nothing is opened."""

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

NAME = "drawdown"


def check(situation: Situation) -> CheckResult:
    """Hold the fall from the highest equity against the limit."""
    share, view = situation.limits.max_drawdown_share, situation.view
    if situation.exit:
        return not_applicable(NAME, EXITS_PASS)
    if share is None:
        return not_applicable(NAME, NO_LIMIT)
    if view is None:
        return not_applicable(NAME, "nothing is known of the account yet")
    with localcontext(EXACT):
        fall, most = view.high_equity - view.equity, share * view.high_equity
    limit = f"{percent(share)} of {money(view.high_equity, view.currency)}"
    observed = money(fall, view.currency)
    if fall > 0 and fall >= most:
        return refused(
            NAME, "DRAWDOWN_LIMIT", limit, observed,
            f"equity fell by {observed} from its high; at {limit} nothing more is opened",
        )  # fmt: skip
    return passed(NAME, limit, observed, "the fall from the high is within the limit")
