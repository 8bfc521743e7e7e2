"""After a day's largest loss nothing is opened until the next trading day or a recovery."""

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

NAME = "daily_loss"


def check(situation: Situation) -> CheckResult:
    """Hold the day's loss against the share of the equity the day began with."""
    share, view = situation.limits.max_daily_loss_share, situation.view
    start = situation.day_start_equity
    if situation.exit:
        return not_applicable(NAME, EXITS_PASS)
    if share is None:
        return not_applicable(NAME, NO_LIMIT)
    if view is None or start is None:
        return not_applicable(NAME, "nothing is known of the day yet")
    with localcontext(EXACT):
        loss, most = start - view.equity, share * start
    limit = f"{percent(share)} of {money(start, view.currency)} = {money(most, view.currency)}"
    observed = money(loss, view.currency)
    if loss > 0 and loss >= most:
        return refused(
            NAME, "DAILY_LOSS_LIMIT", limit, observed,
            f"the day's loss is {observed}; at {limit} nothing more is opened, exits are allowed",
        )  # fmt: skip
    return passed(NAME, limit, observed, "the day's loss is within the limit")
