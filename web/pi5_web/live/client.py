"""One WebSocket: its bounded queue, its sender, its subscriptions.

A client that reads slower than the market moves is given less, not later: of a state it gets the
newest when it has caught up. Of a log nothing may be left out, so when the queue is full the client
is dropped with code 4008; it comes back and resumes where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from pi5.kit.tokens import Caller
from starlette.websockets import WebSocket, WebSocketDisconnect

from pi5_web.live.feed import Feed, StateFeed
from pi5_web.metrics import DROPPED, SUBSCRIPTIONS

QUEUE_MAX = 512
QUEUE_CHARACTERS_MAX = 4_000_000
STATE_PENDING_MAX = 2
SEND_WITHIN_S = 10.0
TOO_SLOW = 4008
_CLOSE_WITHIN_S = 1.0


class Subscription:
    """One client's place in one feed."""

    def __init__(self, client: Client, feed: Feed) -> None:
        self.feed = feed
        self.lagging = False
        self.pending = 0
        self._client = client

    def begin(self, text: str) -> None:
        """Queue a snapshot."""
        self.lagging = False
        self._client.put(text, self)

    def offer(self, text: str) -> None:
        """Queue an update; of a state, only while the client keeps up."""
        if self.feed.conflated and (self.lagging or self.pending >= STATE_PENDING_MAX):
            self.lagging = True
            return
        self._client.put(text, self)

    def offer_heartbeat(self, text: str) -> None:
        """Queue a sign of life; not behind a lag, whose numbers it would contradict."""
        if not self.lagging:
            self._client.put(text, self)

    def caught_up(self) -> None:
        """Give a client that lagged the newest state."""
        if self.lagging and isinstance(self.feed, StateFeed):
            snapshot = self.feed.snapshot()
            if snapshot is not None:
                self.begin(snapshot)


class Client:
    """A connected WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        self.caller: Caller | None = None
        self.subscriptions: dict[str, Subscription] = {}
        self._socket = socket
        self._queue: deque[tuple[str, Subscription | None]] = deque()
        self._characters = 0
        self._filled = asyncio.Event()
        self._ending: tuple[int, str] | None = None

    def put(self, text: str, subscription: Subscription | None = None) -> None:
        """Queue a message, or drop the client when its queue is full."""
        if self._ending is not None:
            return
        full = len(self._queue) >= QUEUE_MAX
        if full or self._characters + len(text) > QUEUE_CHARACTERS_MAX:
            self.end(TOO_SLOW, "reads too slowly; reconnect and resume")
            DROPPED.labels("too_slow").inc()
            return
        self._queue.append((text, subscription))
        self._characters += len(text)
        if subscription is not None:
            subscription.pending += 1
        self._filled.set()

    def end(self, code: int, reason: str) -> None:
        """Close the WebSocket soon, with what is queued left unsent."""
        if self._ending is None:
            self._ending = (code, reason)
            self._filled.set()

    async def send_all(self) -> None:
        """Send what is queued until the client is gone or ended."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while self._ending is None:
                await self._filled.wait()
                self._filled.clear()
                await self._drain()
        if self._ending is not None:
            code, reason = self._ending
            with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
                async with asyncio.timeout(_CLOSE_WITHIN_S):
                    await self._socket.close(code, reason)

    async def _drain(self) -> None:
        while self._queue and self._ending is None:
            text, subscription = self._queue.popleft()
            self._characters -= len(text)
            try:
                async with asyncio.timeout(SEND_WITHIN_S):
                    await self._socket.send_text(text)
            except TimeoutError:
                DROPPED.labels("stuck").inc()
                self.end(TOO_SLOW, "does not read")
                return
            if subscription is not None:
                subscription.pending -= 1
                if subscription.pending == 0:
                    subscription.caught_up()

    def add(self, key: str, subscription: Subscription) -> None:
        """Keep a subscription under the channel it was asked for."""
        self.subscriptions[key] = subscription
        SUBSCRIPTIONS.labels(subscription.feed.channel).inc()

    def remove(self, key: str) -> Subscription | None:
        """Leave a feed; None when there was no such subscription."""
        subscription = self.subscriptions.pop(key, None)
        if subscription is not None:
            subscription.feed.leave(subscription)
            SUBSCRIPTIONS.labels(subscription.feed.channel).dec()
        return subscription
