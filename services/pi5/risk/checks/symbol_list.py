"""Only symbols of the whitelist, never those of the blacklist; exits are let through."""

from __future__ import annotations

from pi5.domain.decision import CheckResult
from pi5.risk.situation import EXITS_PASS, NO_LIMIT, Situation, not_applicable, passed, refused

NAME = "symbol_list"


def check(situation: Situation) -> CheckResult:
    """Hold the symbol against the lists."""
    limits, symbol = situation.limits, situation.terms.symbol
    if situation.exit:
        return not_applicable(NAME, EXITS_PASS)
    if not limits.symbol_whitelist and not limits.symbol_blacklist:
        return not_applicable(NAME, NO_LIMIT)
    if limits.symbol_blacklist and symbol in limits.symbol_blacklist:
        return refused(
            NAME, "SYMBOL_BLACKLISTED", "not on the list", symbol, f"{symbol} is on the blacklist"
        )
    if limits.symbol_whitelist and symbol not in limits.symbol_whitelist:
        return refused(
            NAME, "SYMBOL_NOT_WHITELISTED", "on the list", symbol,
            f"{symbol} is not on the whitelist",
        )  # fmt: skip
    return passed(NAME, "by the lists", symbol, f"{symbol} is allowed by the lists")
