"""The instrument must be known, tradable and in the account's currency."""

from __future__ import annotations

from pi5.domain.decision import CheckResult
from pi5.risk.situation import Situation, passed, refused

NAME = "known_symbol"


def check(situation: Situation) -> CheckResult:
    """Hold the order against the list of instruments."""
    symbol, instrument = situation.terms.symbol, situation.instrument
    if instrument is None:
        return refused(NAME, "UNKNOWN_SYMBOL", "known", symbol, f"there is no instrument {symbol}")
    if not instrument.tradable:
        return refused(
            NAME, "NOT_TRADABLE", "tradable", symbol, f"{symbol} may be watched but not traded"
        )
    currency = situation.rules.currency
    if instrument.currency != currency:
        return refused(
            NAME, "CURRENCY_NOT_SUPPORTED", currency, instrument.currency,
            f"{symbol} is traded in {instrument.currency}, the account is kept in {currency}",
        )  # fmt: skip
    return passed(NAME, "known and tradable", symbol, f"{symbol} is known and tradable")
