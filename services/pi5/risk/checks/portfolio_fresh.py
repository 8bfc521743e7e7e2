"""Nothing is opened while the portfolio is unknown, silent or behind the order log."""

from __future__ import annotations

from pi5.domain.decision import CheckResult
from pi5.risk.situation import EXITS_PASS, Situation, not_applicable, passed, refused

NAME = "portfolio_fresh"


def check(situation: Situation) -> CheckResult:
    """Hold the age of the portfolio's view, and how far it is behind the log, against the limit."""
    if situation.exit:
        return not_applicable(NAME, EXITS_PASS)
    most = situation.rules.max_portfolio_lag_ms
    limit, view = f"{most} ms", situation.view
    if view is None:
        return refused(
            NAME, "NO_PORTFOLIO", limit, "no view",
            f"nothing is known yet of the account {situation.terms.account}",
        )  # fmt: skip
    age_ms = max(situation.now_ns - view.time_ns, 0) // 1_000_000
    if age_ms > most:
        return refused(
            NAME, "STALE_PORTFOLIO", limit, f"{age_ms} ms",
            f"the portfolio was last heard of {age_ms} ms ago; at most {most} ms are allowed",
        )  # fmt: skip
    if situation.behind_since_ns:
        lag_ms = max(situation.now_ns - situation.behind_since_ns, 0) // 1_000_000
        if lag_ms > most:
            return refused(
                NAME, "PORTFOLIO_BEHIND", limit, f"{lag_ms} ms",
                f"the portfolio is {lag_ms} ms behind the order log",
            )  # fmt: skip
    return passed(NAME, limit, f"{age_ms} ms", f"the portfolio is {age_ms} ms old")
