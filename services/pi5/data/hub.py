"""Fan-out of live data to any number of subscribers, none of whom can hold up another.

Events gather for at most 50 ms under load and leave at once when it is quiet. A batch goes into a
native bus: each subscriber has a bounded queue of its own, from which the oldest give way. What a
subscriber finds in its queue becomes one message, so a slow one gets fewer, larger messages; when
batches gave way all the same, their completed bars are restored from the ring, because strategies
count bars, and the loss of quotes and trades is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import pi5_core

from pi5.api.common.v1 import stream_pb2
from pi5.api.data.v1 import data_service_pb2
from pi5.data import metrics
from pi5.data.providers.base import Book
from pi5.data.selection import Published, Selection, encode, merge
from pi5.domain.errors import OutOfRange
from pi5.domain.market import Quote
from pi5.kit.clock import Clock
from pi5.kit.wire.market import MarketEvents
from pi5.kit.wire.times import timestamp

FLUSH_S = 0.05
HEARTBEAT_S = 5.0
QUEUE_BATCHES_MAX = 512
RING_BATCHES_MAX = 1_200
RING_EVENTS_MAX = 12_000
BOOK_LEVELS = 10
_DRAIN_BATCHES_MAX = 256
_TOPIC = "market"


class Hub:
    """The stream of live data: its numbering, its recent past, and who listens.

    Args:
        clock: for heartbeats.
        epoch: identity of this numbering; new with each start of the service.
        newest: returns the newest quotes, for the snapshot a subscriber begins with.
        book: returns the depth of a symbol, where there is any.
    """

    def __init__(
        self,
        clock: Clock,
        epoch: str,
        newest: Callable[[], list[Quote]],
        book: Callable[[str, int], Book | None],
    ) -> None:
        self.epoch = epoch
        self.sequence = 0
        self._clock = clock
        self._newest = newest
        self._book = book
        self._bus = pi5_core.Bus()
        self._ring: deque[Published] = deque()
        self._ring_events = 0
        self._gathered = MarketEvents()
        self._flush_timer: asyncio.TimerHandle | None = None
        self._flushed_at_s = 0.0
        self._closed = False

    def publish(self, events: MarketEvents) -> None:
        """Queue events for all subscribers."""
        if self._closed or not events:
            return
        self._gathered.quotes.extend(events.quotes)
        self._gathered.trades.extend(events.trades)
        self._gathered.bars.extend(events.bars)
        if self._flush_timer is None:
            loop = asyncio.get_running_loop()
            due_s = max(self._flushed_at_s + FLUSH_S, loop.time())
            self._flush_timer = loop.call_at(due_s, self._flush)

    def close(self) -> None:
        """End all streams after what waits for them."""
        self._closed = True
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self._bus.close()

    def _flush(self) -> None:
        self._flush_timer = None
        self._flushed_at_s = asyncio.get_running_loop().time()
        events, self._gathered = self._gathered, MarketEvents()
        self.sequence += 1
        published = Published(self.sequence, events)
        self._ring.append(published)
        self._ring_events += published.size
        while len(self._ring) > RING_BATCHES_MAX or self._ring_events > RING_EVENTS_MAX:
            if len(self._ring) == 1:
                break
            self._ring_events -= self._ring.popleft().size
        metrics.BATCHES.inc()
        self._bus.publish(_TOPIC, published)

    def check(self, resume: stream_pb2.Resume) -> bool:
        """Tell whether a stream can go on where the caller says; False begins with a snapshot.

        Raises:
            OutOfRange: SEQUENCE_TOO_OLD or SEQUENCE_AHEAD.
        """
        if not resume.epoch or resume.epoch != self.epoch:
            return False
        details = {"oldest_sequence": str(self.oldest), "newest_sequence": str(self.sequence)}
        if resume.after_sequence > self.sequence:
            raise OutOfRange(
                "SEQUENCE_AHEAD",
                f"the stream is only at {self.sequence}; begin without resume",
                details=details,
            )
        if resume.after_sequence + 1 < self.oldest:
            raise OutOfRange(
                "SEQUENCE_TOO_OLD",
                f"the oldest batch that is kept is {self.oldest}; begin without resume",
                details=details,
            )
        return True

    @property
    def oldest(self) -> int:
        """Sequence of the oldest batch that a stream can go on from."""
        return self._ring[0].sequence if self._ring else self.sequence + 1

    def _between(self, after: int, before: int) -> Iterator[Published]:
        """Return the kept batches after one sequence and before another."""
        return (batch for batch in self._ring if after < batch.sequence < before)

    async def messages(
        self, selection: Selection, resume: stream_pb2.Resume, min_interval_s: float
    ) -> AsyncIterator[bytes]:
        """Yield encoded messages for one subscriber, beginning with a snapshot or where it was.

        Raises:
            OutOfRange: see `check`.
        """
        resumes = self.check(resume)
        with self._subscribed() as (subscription, wake):
            reader = _Reader(self, subscription, selection, conflate=min_interval_s > 0)
            reader.last = self.sequence
            if resumes:
                missed = list(self._between(resume.after_sequence, self.sequence + 1))
                yield reader.encode(missed) or self._heartbeat(self.sequence)
            else:
                yield self._snapshot(selection)
            loop = asyncio.get_running_loop()
            next_s, beat_s = loop.time() + min_interval_s, loop.time() + HEARTBEAT_S
            while subscription.pending or not subscription.closed:
                now_s = loop.time()
                if subscription.pending and (now_s >= next_s or subscription.closed):
                    if message := reader.take():
                        yield message
                        next_s = loop.time() + min_interval_s
                        beat_s = loop.time() + HEARTBEAT_S
                elif now_s >= beat_s:
                    yield self._heartbeat(reader.last)
                    beat_s = loop.time() + HEARTBEAT_S
                else:
                    until_s = min(next_s, beat_s) if subscription.pending else beat_s
                    await _wait(wake, until_s - now_s)

    @contextlib.contextmanager
    def _subscribed(self) -> Iterator[tuple[pi5_core.Subscription, asyncio.Event]]:
        subscription = self._bus.subscribe(_TOPIC, QUEUE_BATCHES_MAX, "drop_oldest")
        wake = asyncio.Event()
        subscription.set_wakeup(wake.set)
        if self._closed:
            subscription.close()
        metrics.SUBSCRIBERS.inc()
        try:
            yield subscription, wake
        finally:
            metrics.SUBSCRIBERS.dec()
            subscription.set_wakeup(None)
            subscription.close()

    def books_of(self, symbols: Sequence[str], selection: Selection) -> list[Book]:
        """Return the depth of the selected ones among some symbols."""
        if not selection.books:
            return []
        found = (self._book(name, BOOK_LEVELS) for name in symbols if selection.wants(name))
        return [book for book in found if book is not None]

    def _snapshot(self, selection: Selection) -> bytes:
        quotes = self._newest()
        events = selection.of_events(MarketEvents(quotes=quotes))
        books = self.books_of([quote.symbol for quote in quotes], selection)
        return encode(events, books, self.sequence, self.epoch, even_empty=True)

    def _heartbeat(self, last_sequence: int) -> bytes:
        return data_service_pb2.StreamMarketDataResponse(
            heartbeat=stream_pb2.Heartbeat(
                last_sequence=last_sequence,
                epoch=self.epoch,
                server_time=timestamp(self._clock.now_ns()),
            )
        ).SerializeToString()

    def restored(self, after: int, before: int) -> list[Published]:
        """Return what is left of batches that gave way: their bars."""
        return [
            Published(batch.sequence, MarketEvents(bars=batch.events.bars))
            for batch in self._between(after, before)
            if batch.events.bars
        ]


class _Reader:
    """Turns what waits for one subscriber into messages."""

    def __init__(
        self,
        hub: Hub,
        subscription: pi5_core.Subscription,
        selection: Selection,
        *,
        conflate: bool,
    ) -> None:
        self.last = 0
        self._hub = hub
        self._subscription = subscription
        self._selection = selection
        self._conflate = conflate

    def take(self) -> bytes:
        """Return everything that waits as one message; b"" when nothing of it is selected."""
        drained: list[Published] = self._subscription.drain(_DRAIN_BATCHES_MAX)
        # The subscription began before the snapshot, so its first batches may be known already.
        batches = [batch for batch in drained if batch.sequence > self.last]
        if not batches:
            return b""
        gave_way = batches[0].sequence - self.last - 1
        if gave_way > 0:
            metrics.DROPPED.inc(gave_way)
            batches = self._hub.restored(self.last, batches[0].sequence) + batches
        self.last = batches[-1].sequence
        return self.encode(batches)

    def encode(self, batches: Sequence[Published]) -> bytes:
        """Return batches as one message; a single one is encoded once for all subscribers."""
        if not batches:
            return b""
        changed = sorted(set().union(*(batch.changed() for batch in batches)))
        books = self._hub.books_of(changed, self._selection)
        if len(batches) == 1 and not self._conflate:
            return batches[0].encode(self._selection, self._hub.epoch, books)
        events = merge(batches, self._selection, conflate=self._conflate)
        return encode(events, books, batches[-1].sequence, self._hub.epoch)


async def _wait(wake: asyncio.Event, seconds: float) -> None:
    """Wait until something is queued, or for a time; without anybody to wake, just for a time."""
    wake.clear()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(wake.wait(), seconds)
