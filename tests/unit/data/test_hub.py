"""Fan-out: nobody slow holds up the others, and nobody is left guessing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from pi5.api.common.v1 import stream_pb2
from pi5.api.data.v1 import data_service_pb2 as pb
from pi5.data import hub as hub_module
from pi5.data.hub import Hub
from pi5.data.providers.base import Book, BookLevel
from pi5.data.selection import Published, Selection
from pi5.domain.errors import InvalidInput, OutOfRange
from pi5.domain.market import Bar, Quote, Timeframe, Trade
from pi5.kit.wire.market import MarketEvents, events_from

D = Decimal

ALL = Selection(None, quotes=True, trades=True, bars=True, books=False)
START = stream_pb2.Resume()


def quote(number: int, symbol: str = "ACME") -> Quote:
    return Quote(symbol, number, D(number), D(1), D(number + 1), D(1))


def bar(number: int, symbol: str = "ACME") -> Bar:
    price = D(number)
    return Bar(symbol, Timeframe.S1, number, price, price, price, price, D(1))


def book(symbol: str, levels: int) -> Book:
    return Book(symbol, 9, (BookLevel(D(9), D(levels)),), (BookLevel(D(10), D(1)),), 77)


@pytest.fixture
def hub(clock) -> Hub:
    return Hub(clock, "epoch-1", lambda: [quote(1), quote(2, "SPX")], book)


async def publish(hub: Hub, *events: MarketEvents) -> None:
    """Publish each as a batch of its own."""
    for one in events:
        before = hub.sequence
        hub.publish(one)
        while hub.sequence == before:  # noqa: ASYNC110 - the hub tells nobody
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def listening(
    hub: Hub, selection: Selection = ALL, resume: Any = START, interval_s: float = 0.0
) -> AsyncIterator[Any]:
    """Subscribe; gives a function that returns the next message."""
    async with contextlib.aclosing(hub.messages(selection, resume, interval_s)) as stream:

        async def receive() -> pb.StreamMarketDataResponse:
            encoded = await asyncio.wait_for(anext(stream), 2)
            return pb.StreamMarketDataResponse.FromString(encoded)

        yield receive


async def test_a_stream_begins_with_the_newest_quotes(hub: Hub) -> None:
    """The snapshot holds the selected newest quotes with the place in the stream."""
    async with listening(hub) as receive:
        first = (await receive()).batch
        assert (first.sequence, first.epoch) == (0, "epoch-1")
        assert events_from(first).quotes == [quote(1), quote(2, "SPX")]
    only = Selection(frozenset({"SPX"}), quotes=True, trades=True, bars=True, books=True)
    async with listening(hub, only) as receive:
        batch = (await receive()).batch
        assert events_from(batch).quotes == [quote(2, "SPX")]
        assert [(b.symbol, b.sequence, b.bids[0].size) for b in batch.books] == [("SPX", 77, "10")]


async def test_subscribers_get_what_they_selected(hub: Hub) -> None:
    """Kinds and symbols are filtered for each subscriber; an empty batch is not sent."""
    bars_of_spx = Selection(frozenset({"SPX"}), quotes=False, trades=False, bars=True, books=False)
    async with listening(hub, bars_of_spx) as receive, listening(hub) as everything:
        await receive(), await everything()
        trade = Trade("SPX", 5, D("1.5"), D(2), 1)
        await publish(
            hub,
            MarketEvents(quotes=[quote(3)], trades=[trade], bars=[bar(3)]),
            MarketEvents(bars=[bar(4), bar(4, "SPX")]),
        )
        batch = (await receive()).batch
        assert (batch.sequence, events_from(batch).bars) == (2, [bar(4, "SPX")])
        first = events_from((await everything()).batch)
        assert (first.quotes, first.trades, first.bars[0]) == ([quote(3)], [trade], bar(3))


async def test_a_batch_is_encoded_once_for_all_who_select_the_same(hub: Hub) -> None:
    """Subscribers with the same selection share the very same bytes."""
    published = Published(1, MarketEvents(quotes=[quote(1)]))
    again = Selection(None, quotes=True, trades=True, bars=True, books=False)
    assert published.encode(ALL, "e", []) is published.encode(again, "e", [])


async def test_a_slow_subscriber_loses_no_bar_and_holds_up_nobody(hub: Hub, monkeypatch) -> None:
    """When its queue overflows quotes give way; bars are restored; others got everything."""
    monkeypatch.setattr(hub_module, "QUEUE_BATCHES_MAX", 4)
    monkeypatch.setattr(hub_module, "FLUSH_S", 0.0)
    async with listening(hub) as slow, listening(hub) as fast:
        await slow(), await fast()
        seen: list[int] = []
        for number in range(1, 21):
            await publish(hub, MarketEvents(quotes=[quote(number)], bars=[bar(number)]))
            seen.append((await fast()).batch.sequence)
        assert seen == list(range(1, 21))
        batch = (await slow()).batch
        assert batch.sequence == 20
        events = events_from(batch)
        assert [b.time_ns for b in events.bars] == list(range(1, 21))
        assert [q.time_ns for q in events.quotes] == [17, 18, 19, 20]


async def test_a_least_interval_conflates_quotes_but_no_bars(hub: Hub, monkeypatch) -> None:
    """With min_interval the newest quote of a symbol stands for those before it."""
    monkeypatch.setattr(hub_module, "FLUSH_S", 0.0)
    async with listening(hub, interval_s=0.3) as receive:
        await receive()
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        for number in range(1, 6):
            await publish(hub, MarketEvents(quotes=[quote(number)], bars=[bar(number)]))
        events = events_from((await receive()).batch)
        assert loop.time() - begin_s >= 0.25
        assert [q.time_ns for q in events.quotes] == [5]
        assert [b.time_ns for b in events.bars] == [1, 2, 3, 4, 5]


async def test_a_stream_goes_on_where_it_was(hub: Hub) -> None:
    """Resuming in the same epoch sends exactly what came after, without a snapshot."""
    await publish(hub, *(MarketEvents(quotes=[quote(n)]) for n in (1, 2, 3)))
    resume = stream_pb2.Resume(after_sequence=1, epoch="epoch-1")
    async with listening(hub, resume=resume) as receive:
        batch = (await receive()).batch
        assert batch.sequence == 3
        assert [q.time_ns for q in events_from(batch).quotes] == [2, 3]
        await publish(hub, MarketEvents(quotes=[quote(4)]))
        assert (await receive()).batch.sequence == 4


async def test_a_caller_who_missed_nothing_hears_so_at_once(hub: Hub) -> None:
    """Resuming at the present begins with a heartbeat, another epoch with a snapshot."""
    await publish(hub, MarketEvents(quotes=[quote(1)]))
    async with listening(hub, resume=stream_pb2.Resume(after_sequence=1, epoch="epoch-1")) as next_:
        assert (await next_()).heartbeat.last_sequence == 1
    async with listening(hub, resume=stream_pb2.Resume(after_sequence=9, epoch="older")) as next_:
        assert len(events_from((await next_()).batch).quotes) == 2


async def test_what_is_no_longer_kept_is_out_of_range(hub: Hub, monkeypatch) -> None:
    """A sequence before the ring or after the present is refused with the oldest that is kept."""
    monkeypatch.setattr(hub_module, "RING_BATCHES_MAX", 2)
    monkeypatch.setattr(hub_module, "FLUSH_S", 0.0)
    await publish(hub, *(MarketEvents(quotes=[quote(n)]) for n in range(1, 6)))
    assert hub.oldest == 4
    assert hub.check(stream_pb2.Resume(after_sequence=3, epoch="epoch-1"))
    for after, code in ((2, "SEQUENCE_TOO_OLD"), (6, "SEQUENCE_AHEAD")):
        with pytest.raises(OutOfRange) as caught:
            hub.check(stream_pb2.Resume(after_sequence=after, epoch="epoch-1"))
        assert caught.value.code == code
        assert caught.value.details["oldest_sequence"] == "4"


async def test_the_ring_is_bounded_by_events_too(hub: Hub, monkeypatch) -> None:
    """A few huge batches push out old ones, but the newest always stays."""
    monkeypatch.setattr(hub_module, "RING_EVENTS_MAX", 10)
    monkeypatch.setattr(hub_module, "FLUSH_S", 0.0)
    many = MarketEvents(quotes=[quote(n) for n in range(1, 8)])
    await publish(hub, many, many, MarketEvents(quotes=[quote(n) for n in range(1, 30)]))
    assert hub.oldest == 3


async def test_silence_is_told_from_death(hub: Hub, monkeypatch) -> None:
    """When nothing comes, heartbeats do."""
    monkeypatch.setattr(hub_module, "HEARTBEAT_S", 0.05)
    async with listening(hub) as receive:
        await receive()
        beat = (await receive()).heartbeat
        assert (beat.last_sequence, beat.epoch) == (0, "epoch-1")
        assert beat.server_time.seconds == 1_700_000_000


async def test_events_under_load_share_a_batch(hub: Hub) -> None:
    """The first event leaves at once; what comes within the next 50 ms leaves together."""
    async with listening(hub) as receive:
        await receive()
        hub.publish(MarketEvents(quotes=[quote(1)]))
        assert len(events_from((await receive()).batch).quotes) == 1
        for number in (2, 3, 4):
            hub.publish(MarketEvents(quotes=[quote(number)]))
            await asyncio.sleep(0.001)
        assert len(events_from((await receive()).batch).quotes) == 3


async def test_closing_ends_the_streams(hub: Hub) -> None:
    """Streams end by themselves when the service stops."""
    async with listening(hub) as receive:
        await receive()
        hub.close()
        with pytest.raises(StopAsyncIteration):
            await receive()


def test_a_request_must_select_something() -> None:
    """A subscription to nothing, or to too many symbols, is refused."""
    with pytest.raises(InvalidInput, match="at least one"):
        Selection.of(pb.StreamMarketDataRequest(symbols=["ACME"]))
    with pytest.raises(InvalidInput, match="at most 1000"):
        Selection.of(pb.StreamMarketDataRequest(symbols=["A"] * 1001, quotes=True))
