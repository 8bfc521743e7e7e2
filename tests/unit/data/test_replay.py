"""A replay in the test's own time."""

from __future__ import annotations

import asyncio
import itertools
from decimal import Decimal

import pytest
from pi5.data.providers.replay import ReplayPlan, ReplayProvider, quote_around
from pi5.domain.market import Bar, Timeframe

D = Decimal

DAY = 86_400 * 10**9


def bar(day: int, close: str = "100", symbol: str = "ACME", volume: int = 5_000_000) -> Bar:
    price = D(close)
    return Bar(symbol, Timeframe.D1, day * DAY, price, price, price, price, D(volume))


class History:
    """Bars in memory, read as the store reads them; may be away."""

    def __init__(self, **bars: list[Bar]) -> None:
        self.bars = bars
        self.away = False

    async def read(self, symbol, timeframe, after_ns, end_ns, limit) -> list[Bar]:
        if self.away:
            raise ConnectionError("away")
        found = [b for b in self.bars[symbol] if after_ns < b.time_ns < end_ns]
        return found[:limit]


@pytest.fixture(autouse=True)
def clock_runs(monkeypatch, clock):
    """Sleeping moves the test's clock instead of taking time."""

    async def sleep(seconds: float) -> None:
        clock.time_ns += int(seconds * 1e9)

    monkeypatch.setattr(asyncio, "sleep", sleep)


def replay(history: History, acme, clock, *symbols: str, speed=1.0, loop=False) -> ReplayProvider:
    plan = ReplayPlan("r", symbols or ("ACME",), Timeframe.D1, 0, 100 * DAY, speed, loop)
    return ReplayProvider(plan, dict.fromkeys(plan.symbols, acme), history.read, clock)


async def test_bars_keep_their_time_and_quotes_are_of_the_present(acme, clock) -> None:
    """Every bar comes with its historic time, every quote with the clock's."""
    history = History(ACME=[bar(1), bar(2), bar(3)])
    begin_ns = clock.now_ns()
    provider = replay(history, acme, clock)
    batches = [events async for events in provider.stream()]
    assert [b.time_ns // DAY for events in batches for b in events.bars] == [1, 2, 3]
    assert [q.time_ns - begin_ns for events in batches for q in events.quotes] == [
        0,
        10**9,
        2 * 10**9,
    ]  # fmt: skip - one bar a second
    assert (provider.bars_sent, provider.position_ns, provider.running) == (3, 3 * DAY, False)


async def test_symbols_keep_pace_by_time(acme, clock) -> None:
    """A symbol with a missing day waits for the others."""
    history = History(ACME=[bar(1), bar(3)], SPX=[bar(d, symbol="SPX") for d in (1, 2, 3)])
    provider = replay(history, acme, clock, "ACME", "SPX")
    steps = [[b.symbol for b in events.bars] async for events in provider.stream()]
    assert steps == [["ACME", "SPX"], ["SPX"], ["ACME", "SPX"]]


async def test_a_loop_begins_anew(acme, clock) -> None:
    """At the end a looping replay goes back to its first bar, until it is stopped."""
    provider = replay(History(ACME=[bar(1), bar(2)]), acme, clock, loop=True)
    days: list[int] = []
    async for events in provider.stream():
        days += [b.time_ns // DAY for b in events.bars]
        if len(days) >= 5:
            provider.stop()
    assert days == [1, 2, 1, 2, 1]


async def test_a_loop_over_nothing_ends(acme, clock) -> None:
    """When all bars were deleted a loop ends instead of spinning."""
    provider = replay(History(ACME=[]), acme, clock, loop=True)
    assert [events async for events in provider.stream()] == []
    assert not provider.running


async def test_a_slow_replay_says_its_quote_again(acme, clock) -> None:
    """Between two bars the quote is repeated with a new time, so that it never looks stale."""
    provider = replay(History(ACME=[bar(1), bar(2)]), acme, clock, speed=0.1)
    times = [q.time_ns async for events in provider.stream() for q in events.quotes]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert len(times) >= 5
    assert max(gaps) <= 3 * 10**9


async def test_it_goes_on_where_it_was_after_a_failure(acme, clock) -> None:
    """A database that is away breaks the stream; opened again it leaves nothing out."""
    history = History(ACME=[bar(day) for day in range(1, 4)])
    provider = replay(history, acme, clock)
    history.away = True
    with pytest.raises(ConnectionError):
        await anext(provider.stream())
    history.away = False
    days = [b.time_ns // DAY async for events in provider.stream() for b in events.bars]
    assert days == [1, 2, 3]


def test_the_quote_lies_on_the_grid_around_the_close(acme) -> None:
    """Half a basis point to each side, at least a tick, with a size that can be traded."""
    quote = quote_around(bar(1, "2506.85"), acme, 7)
    assert (quote.bid_price, quote.ask_price) == (D("2506.72"), D("2506.98"))
    assert (quote.bid_size, quote.ask_size, quote.time_ns) == (D(5_000), D(5_000), 7)
    penny = quote_around(bar(1, "0.01", volume=0), acme, 7)
    assert (penny.bid_price, penny.ask_price, penny.ask_size) == (None, D("0.02"), D(1_000))
