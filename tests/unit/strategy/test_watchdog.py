"""A plug-in that hangs is interrupted; nothing else is."""

from __future__ import annotations

import contextlib
import time

import pytest
from pi5.domain.market import Bar, Timeframe
from pi5.strategy.api import Strategy
from pi5.strategy.engine import Definition, StrategyEngine, StrategyState
from pi5.strategy.watchdog import CallTimeout, Watchdog


def spin() -> None:
    while True:
        with contextlib.suppress(Exception):  # a plug-in may well do this
            time.sleep(0)


@pytest.mark.parametrize("hang", [spin, lambda: time.sleep(30)], ids=["loop", "sleep"])
def test_a_hanging_call_ends_in_time(hang) -> None:
    """An endless loop that swallows exceptions and a long sleep both end at the limit."""
    started = time.perf_counter()
    with pytest.raises(CallTimeout, match="longer than 50 ms"):
        Watchdog(50).run(hang)
    assert time.perf_counter() - started < 5


def test_the_timer_does_not_fire_after_the_call() -> None:
    """A call that was quick leaves nothing behind that could interrupt others."""
    watchdog = Watchdog(20)
    assert watchdog.run(lambda: 42) == 42
    time.sleep(0.06)


def test_a_strategy_that_hangs_fails_alone() -> None:
    """The host reports it as failed and the other strategy gets the same bar."""

    class Hangs(Strategy):
        name, description = "hangs", "Never returns."

        def on_bar(self, context, bar):
            spin()

    class Works(Strategy):
        name, description = "works", "Buys."

        def on_bar(self, context, bar):
            context.buy("now")

    engine = StrategyEngine(lambda: "id", Watchdog(50).call)
    for name, strategy in (("one", Hangs), ("two", Works)):
        engine.add(Definition(name, strategy, ("ACME",), Timeframe.D1))
        engine.start(name, 0)
    reaction = engine.on_bar(Bar("ACME", Timeframe.D1, 0, 1, 1, 1, 1, 1), 0)
    assert [signal.strategy_id for signal in reaction.signals] == ["two"]
    assert "CallTimeout" in reaction.failures[0].message
    assert engine.state("one") is StrategyState.FAILED
