"""A numbered stream of messages that any number of clients share.

A message is encoded once. A newcomer gets a snapshot, or what it missed when it says where it
stopped. There are two kinds: a state (quotes, portfolio, risk), where a client that lags is simply
given the newest state, and a log (orders, signals, events), where nothing may be left out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
from pi5.domain.errors import Fault, Unavailable
from pi5.kit.clock import Clock, new_id

from pi5_web.codec import rfc3339
from pi5_web.metrics import MESSAGES

RING_SIZE = 256
BACKLOG_MAX = 1_000
LOAD_WITHIN_S = 5.0


def now_text(clock: Clock) -> str:
    """Return the time for a frame, in milliseconds."""
    seconds, rest = divmod(clock.now_ns(), 1_000_000_000)
    return rfc3339(seconds, rest // 1_000_000 * 1_000_000)


def error_frame(fault: Fault, channel: str, clock: Clock) -> str:
    """Return a frame that says what cannot be done."""
    frame = {
        "type": "error",
        "ts": now_text(clock),
        "data": {"code": fault.code, "message": fault.message},
    }
    if channel:
        frame["channel"] = channel
    return msgspec.json.encode(frame).decode()


class Listener(Protocol):
    """One client's subscription to one feed."""

    def offer(self, text: str) -> None:
        """Queue a message that must follow the one before."""

    def offer_heartbeat(self, text: str) -> None:
        """Queue a sign of life, unless messages are on their way anyhow."""

    def begin(self, text: str) -> None:
        """Queue a snapshot, after which updates follow."""


class Feed:
    """What both kinds share: numbering, the last messages, who listens."""

    conflated = False

    def __init__(self, channel: str, clock: Clock) -> None:
        self.channel = channel
        self.seq = 0
        self.epoch = new_id()
        self.listeners: set[Listener] = set()
        self._clock = clock
        self._ring: deque[tuple[int, str]] = deque(maxlen=RING_SIZE)

    def frame(self, kind: str, seq: int, data: str = "") -> str:
        """Return a message with the feed's head; `data` is JSON already."""
        head = (
            f'{{"channel":"{self.channel}","type":"{kind}","seq":{seq},"epoch":"{self.epoch}",'
            f'"ts":"{now_text(self._clock)}"'
        )
        return f'{head},"data":{data}}}' if data else head + "}"

    def publish(self, data: str) -> None:
        """Number an update and send it to all who listen."""
        self.seq += 1
        text = self.frame("update", self.seq, data)
        self._ring.append((self.seq, text))
        MESSAGES.labels(self.channel).inc()
        for listener in list(self.listeners):
            self._pass_on(listener, text)

    def _pass_on(self, listener: Listener, text: str) -> None:
        listener.offer(text)

    def heartbeat(self) -> None:
        """Send everybody the newest sequence."""
        text = self.frame("heartbeat", self.seq)
        for listener in list(self.listeners):
            listener.offer_heartbeat(text)

    def begin_anew(self) -> None:
        """Forget the numbering after a gap in the source: clients notice and ask for a snapshot."""
        self.epoch = new_id()
        self._ring.clear()
        self.heartbeat()

    def fail(self, fault: Fault) -> None:
        """Tell everybody that the source is away; the feed goes on when it is back."""
        text = error_frame(fault, self.channel, self._clock)
        for listener in list(self.listeners):
            listener.offer_heartbeat(text)

    def missed(self, after_seq: int | None, epoch: str) -> list[str] | None:
        """Return the updates after a sequence; None when only a snapshot will do."""
        if after_seq is None or epoch != self.epoch or after_seq > self.seq:
            return None
        if self._ring and after_seq < self._ring[0][0] - 1:
            return None
        if not self._ring and after_seq != self.seq:
            return None
        return [text for seq, text in self._ring if seq > after_seq]

    async def join(self, listener: Listener, after_seq: int | None, epoch: str) -> None:
        """Begin sending to a client: what it missed, or a snapshot, then the updates."""
        missed = self.missed(after_seq, epoch)
        if missed is None:
            await self._join_anew(listener)
            return
        self.listeners.add(listener)
        for text in missed:
            listener.offer(text)

    async def _join_anew(self, listener: Listener) -> None:
        raise NotImplementedError

    def leave(self, listener: Listener) -> None:
        """Stop sending to a client."""
        self.listeners.discard(listener)


class StateFeed(Feed):
    """A feed whose newest state stands for all updates before it."""

    conflated = True

    def __init__(self, channel: str, clock: Clock, state: Callable[[], str | None]) -> None:
        super().__init__(channel, clock)
        self._state = state
        self._waiting: set[Listener] = set()

    def snapshot(self) -> str | None:
        """Return the newest state as a snapshot; None before there is one."""
        state = self._state()
        return self.frame("snapshot", self.seq, state) if state is not None else None

    async def _join_anew(self, listener: Listener) -> None:
        self.listeners.add(listener)
        snapshot = self.snapshot()
        if snapshot is None:
            self._waiting.add(listener)
        else:
            listener.begin(snapshot)

    def _pass_on(self, listener: Listener, text: str) -> None:
        if listener not in self._waiting:
            listener.offer(text)

    def publish(self, data: str) -> None:
        """Send an update, and the first snapshot to those who wait for one."""
        super().publish(data)
        self.settle()

    def settle(self) -> None:
        """Give those who came before there was a state their snapshot."""
        if self._waiting and (snapshot := self.snapshot()) is not None:
            for listener in self._waiting & self.listeners:
                listener.begin(snapshot)
            self._waiting.clear()

    def leave(self, listener: Listener) -> None:
        """Stop sending to a client."""
        self._waiting.discard(listener)
        super().leave(listener)


class LogFeed(Feed):
    """A feed of which nothing may be left out; its snapshot is asked for when somebody joins."""

    def __init__(self, channel: str, clock: Clock, load: Callable[[], Awaitable[str]]) -> None:
        super().__init__(channel, clock)
        self._load = load
        self._backlogs: dict[Listener, list[str]] = {}

    async def _join_anew(self, listener: Listener) -> None:
        """Collect updates while the snapshot is asked for, and send them behind it.

        The snapshot may hold some of them already: each update carries whole orders or events, so
        taking one twice changes nothing.
        """
        seq, backlog = self.seq, self._backlogs.setdefault(listener, [])
        self.listeners.add(listener)
        try:
            async with asyncio.timeout(LOAD_WITHIN_S):
                state = await self._load()
        except TimeoutError:
            self.leave(listener)
            raise Unavailable("SERVICE_UNAVAILABLE", "the service does not answer") from None
        except BaseException:
            self.leave(listener)
            raise
        finally:
            self._backlogs.pop(listener, None)
        if len(backlog) > BACKLOG_MAX:
            self.leave(listener)
            raise Unavailable("TOO_BUSY", "too much happens just now; subscribe again")
        listener.begin(self.frame("snapshot", seq, state))
        for text in backlog:
            listener.offer(text)

    def _pass_on(self, listener: Listener, text: str) -> None:
        backlog = self._backlogs.get(listener)
        if backlog is None:
            listener.offer(text)
        elif len(backlog) <= BACKLOG_MAX:
            backlog.append(text)

    def heartbeat(self) -> None:
        """Send the newest sequence to all who have their snapshot."""
        text = self.frame("heartbeat", self.seq)
        for listener in list(self.listeners):
            if listener not in self._backlogs:
                listener.offer_heartbeat(text)
