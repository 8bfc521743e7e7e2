"""Providers are run, watched and opened again; storage never holds them up."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from pi5.data import writer as writer_module
from pi5.data.engine import MarketEngine
from pi5.data.feeds import Feeds
from pi5.data.hub import Hub
from pi5.data.providers.base import History, Provider
from pi5.data.recent import RecentBars
from pi5.data.writer import Writer
from pi5.domain.errors import Unavailable
from pi5.domain.market import Bar, Quote, Timeframe, Trade
from pi5.kit.log import get_logger
from pi5.kit.wire.market import MarketEvents

D = Decimal


class Store:
    """Remembers what was written; may be away."""

    def __init__(self) -> None:
        self.away = False
        self.bars: list[Bar] = []
        self.rows: list[str] = []

    async def add_bars(self, bars) -> int:
        if self.away:
            raise Unavailable("DATABASE_UNREACHABLE", "away")
        self.bars += [bar for bar, _ in bars]
        return len(bars)

    async def add_rejected(self, rows) -> None:
        if self.away:
            raise Unavailable("DATABASE_UNREACHABLE", "away")
        self.rows += [row.reason for row in rows]


class Scripted(Provider):
    """A source that delivers what it was given and breaks where it was told to."""

    name = "scripted"

    def __init__(self, *script: MarketEvents | Exception) -> None:
        self.script = list(script)
        self.opened = 0

    def instruments(self):
        return ()

    def symbols(self):
        return ("ACME",)

    async def stream(self):
        self.opened += 1
        while self.script:
            item = self.script.pop(0)
            if isinstance(item, Exception):
                raise item
            yield item

    async def history(self, symbol, timeframe, start_ns, end_ns):
        return History()


@pytest.fixture
async def parts(catalogue, clock):
    store = Store()
    engine = MarketEngine(catalogue, 10**10)
    hub = Hub(clock, "e", list, lambda symbol, levels: None)
    writer = Writer(store, get_logger("test"))

    def spawn(work, name):
        return asyncio.get_running_loop().create_task(work)

    feeds = Feeds(catalogue, engine, hub, RecentBars(), writer, clock, get_logger("test"), spawn)
    return feeds, writer, store


async def finished(feeds: Feeds) -> None:
    async with asyncio.timeout(5):
        while feeds.statuses["scripted"].running:  # noqa: ASYNC110 - as a person looks
            await asyncio.sleep(0.01)


def quote(clock, bid: str = "1") -> Quote:
    return Quote("ACME", clock.now_ns(), D(bid), D(1), D(2), D(1))


async def test_a_provider_that_breaks_is_opened_again(parts, clock) -> None:
    """A failure is counted and told; the next try goes on and clears the failed state."""
    feeds, _, _ = parts
    events = MarketEvents(quotes=[quote(clock)])
    provider = Scripted(events, ZeroDivisionError("bad day"), events)
    feeds.start(provider)
    assert feeds.source_of("ACME") == "scripted"
    await finished(feeds)
    status = feeds.statuses["scripted"]
    assert (provider.opened, status.errors, status.messages, status.failed) == (2, 1, 2, False)
    assert status.last_error == "ZeroDivisionError: bad day"
    assert feeds.source_of("ACME") == ""


async def test_bad_rows_go_to_quarantine_and_bars_to_their_place(parts, clock) -> None:
    """Refused rows and longer bars reach the store, bars of a second only the memory."""
    feeds, writer, store = parts
    minute = Bar("ACME", Timeframe.M1, clock.now_ns() - 10**11, D(1), D(1), D(1), D(1), D(1))
    second = Bar("ACME", Timeframe.S1, clock.now_ns() - 10**10, D(1), D(1), D(1), D(1), D(1))
    crossed = quote(clock, bid="3")
    zero = Trade("ACME", clock.now_ns(), D(0), D(1), 1)
    feeds.start(Scripted(MarketEvents(quotes=[crossed], trades=[zero], bars=[minute, second])))
    await finished(feeds)
    await writer.flush()
    assert store.bars == [minute]
    assert sorted(store.rows) == ["BID_OVER_ASK", "NON_POSITIVE_PRICE"]


async def test_bars_wait_for_the_database_and_the_oldest_give_way(
    parts, clock, acme, monkeypatch
) -> None:
    """While the database is away bars queue up to the bound; afterwards the newest are stored."""
    monkeypatch.setattr(writer_module, "QUEUED_MAX", 5)
    _, writer, store = parts
    store.away = True
    bars = [Bar("ACME", Timeframe.M1, n, D(1), D(1), D(1), D(1), D(1)) for n in range(8)]
    for bar in bars:
        writer.bar(bar, acme)
    with pytest.raises(Unavailable):
        await writer.flush()
    store.away = False
    await writer.flush()
    assert store.bars == bars[3:]
    await writer.flush()
    assert len(store.bars) == 5


async def test_stopping_ends_a_provider_at_once(parts, clock) -> None:
    """A stopped provider is closed and forgotten, and stopping it again does nothing."""
    feeds, _, _ = parts

    class Endless(Scripted):
        async def stream(self):
            while True:
                yield MarketEvents(quotes=[quote(clock)])
                await asyncio.sleep(0.001)

    provider = Endless()
    feeds.start(provider)
    await asyncio.sleep(0.02)
    await feeds.stop(provider)
    await feeds.stop(provider)
    assert feeds.statuses["scripted"].running == 0
