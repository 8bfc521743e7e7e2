"""Only so many orders may work at once; exits are let through."""

from __future__ import annotations

from pi5.domain.decision import CheckResult
from pi5.risk.situation import EXITS_PASS, NO_LIMIT, Situation, not_applicable, passed, refused

NAME = "open_orders"


def check(situation: Situation) -> CheckResult:
    """Hold the account's working orders, with this one, against the limit."""
    most = situation.limits.max_open_orders
    if situation.exit:
        return not_applicable(NAME, EXITS_PASS)
    if most is None:
        return not_applicable(NAME, NO_LIMIT)
    count = situation.exposure.working + 1
    if count > most:
        return refused(
            NAME, "OPEN_ORDERS_LIMIT", str(most), str(count),
            f"there would be {count} working orders; at most {most} are allowed",
        )  # fmt: skip
    return passed(NAME, str(most), str(count), "there are few enough working orders")
