"""Halted blocks everything; reducing lets exits through only."""

from __future__ import annotations

from pi5.domain.decision import CheckResult, TradingMode
from pi5.risk.situation import Situation, passed, refused

NAME = "trading_mode"


def check(situation: Situation) -> CheckResult:
    """Hold the order against the trading mode."""
    mode = situation.mode
    word = mode.name.lower()
    if mode is TradingMode.HALTED:
        return refused(NAME, "HALTED", "active", word, "trading is halted; nothing is sent")
    if mode is TradingMode.REDUCING and not situation.exit:
        return refused(
            NAME, "REDUCING", "exits only", word,
            "only orders that make a position smaller are let through",
        )  # fmt: skip
    return passed(NAME, "active", word, f"the trading mode is {word}")
