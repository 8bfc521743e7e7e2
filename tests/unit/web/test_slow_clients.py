"""A client that reads slowly holds nobody up: a state is skipped for it, a log drops it."""

from __future__ import annotations

import asyncio
import json

import pytest
from pi5.kit.clock import SystemClock
from pi5_web.live import client as client_module
from pi5_web.live.client import Client, Subscription
from pi5_web.live.feed import LogFeed, StateFeed


class SlowSocket:
    """Takes a message only when the test lets it."""

    def __init__(self) -> None:
        self.sent: list[dict] = []
        self.open = asyncio.Semaphore(0)
        self.closed: tuple[int, str] | None = None

    async def send_text(self, text: str) -> None:
        await self.open.acquire()
        self.sent.append(json.loads(text))

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def let(self, count: int) -> None:
        for _ in range(count):
            self.open.release()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_of_a_state_a_slow_client_gets_the_newest() -> None:
    """Updates in between are left out; a snapshot with the newest state takes their place."""
    state = ["0"]
    feed = StateFeed("portfolio", SystemClock(), lambda: state[0])
    socket = SlowSocket()
    client = Client(socket)
    sender = asyncio.create_task(client.send_all())
    await feed.join(Subscription(client, feed), None, "")
    for number in range(1, 1001):
        state[0] = str(number)
        feed.publish(state[0])
    socket.let(10)
    await settle()
    kinds = [(m["type"], m["seq"], m["data"]) for m in socket.sent]
    assert kinds[0] == ("snapshot", 0, 0)
    assert kinds[-1] == ("snapshot", 1000, 1000)
    assert len(kinds) <= 4
    feed.publish("1001")
    await settle()
    assert (socket.sent[-1]["type"], socket.sent[-1]["seq"]) == ("update", 1001)
    sender.cancel()


async def test_of_a_log_nothing_is_left_out_and_who_lags_is_dropped() -> None:
    """A full queue ends the client with 4008; others go on undisturbed."""

    async def load() -> str:
        return "[]"

    feed = LogFeed("orders", SystemClock(), load)
    slow_socket, quick_socket = SlowSocket(), SlowSocket()
    slow, quick = Client(slow_socket), Client(quick_socket)
    quick_socket.let(10_000)
    senders = [asyncio.create_task(client.send_all()) for client in (slow, quick)]
    for client in (slow, quick):
        await feed.join(Subscription(client, feed), None, "")
    for number in range(client_module.QUEUE_MAX + 10):
        feed.publish(str(number))
        await settle()
    slow_socket.let(1)
    await settle()
    assert slow_socket.closed is not None
    assert slow_socket.closed[0] == 4008
    assert quick_socket.closed is None
    updates = [m["data"] for m in quick_socket.sent if m["type"] == "update"]
    assert updates == list(range(client_module.QUEUE_MAX + 10))
    for sender in senders:
        sender.cancel()


async def test_a_client_that_takes_nothing_is_dropped_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One message that cannot be sent for long is enough."""
    monkeypatch.setattr(client_module, "SEND_WITHIN_S", 0.05)
    socket = SlowSocket()
    client = Client(socket)
    client.put('{"type":"pong"}')
    await asyncio.wait_for(client.send_all(), 2)
    assert socket.closed is not None
    assert socket.closed[0] == 4008


async def test_what_was_missed_is_remembered_for_a_while() -> None:
    """The last updates can be had again; older ones need a snapshot."""
    feed = StateFeed("risk", SystemClock(), lambda: "0")
    assert feed.missed(0, feed.epoch) == []
    for number in range(300):
        feed.publish(str(number))
    missed = feed.missed(298, feed.epoch)
    assert missed is not None
    assert [json.loads(text)["seq"] for text in missed] == [299, 300]
    assert feed.missed(300, feed.epoch) == []
    assert feed.missed(10, feed.epoch) is None
    assert feed.missed(301, feed.epoch) is None
    assert feed.missed(299, "another") is None
