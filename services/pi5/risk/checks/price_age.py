"""Nothing is opened on a price that is missing or old."""

from __future__ import annotations

from pi5.domain.decision import CheckResult
from pi5.risk.situation import EXITS_PASS, NO_LIMIT, Situation, not_applicable, passed, refused

NAME = "price_age"


def check(situation: Situation) -> CheckResult:
    """Hold the age of the mark against the limit."""
    if situation.exit:
        return not_applicable(NAME, EXITS_PASS)
    symbol, most = situation.terms.symbol, situation.limits.max_price_age_ms
    if situation.mark is None:
        return refused(
            NAME, "NO_PRICE", f"{most} ms", "no price", f"there is no price of {symbol} yet"
        )
    if most is None:
        return not_applicable(NAME, NO_LIMIT)
    age_ms = max(situation.now_ns - situation.mark.time_ns, 0) // 1_000_000
    observed = f"{age_ms} ms"
    if age_ms > most:
        return refused(
            NAME, "STALE_PRICE", f"{most} ms", observed,
            f"the price of {symbol} is {age_ms} ms old; at most {most} ms are allowed",
        )  # fmt: skip
    return passed(NAME, f"{most} ms", observed, f"the price of {symbol} is {age_ms} ms old")
