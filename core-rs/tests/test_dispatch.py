"""The bus through Python."""

import asyncio
import subprocess
import sys
import threading
import time

import pi5_core as core
import pytest


def test_wildcards_and_exact_topics_receive_in_order() -> None:
    """Each subscriber has its own queue with everything its pattern matches."""
    bus = core.Bus()
    exact, wild = bus.subscribe("bars.AAA"), bus.subscribe("bars.*")
    assert bus.publish("bars.AAA", 1) == 2
    assert bus.publish("bars.BBB", 2) == 1
    assert bus.publish("news", 3) == 0
    assert (exact.drain(), wild.drain()) == ([1], [1, 2])


def test_drop_oldest_counts_what_it_drops() -> None:
    """A slow reader keeps the newest events and knows how many it lost."""
    bus = core.Bus()
    reader = bus.subscribe("t", capacity=2)
    for event in range(5):
        bus.publish("t", event)
    assert (reader.pending, reader.dropped, reader.sequence) == (2, 3, 5)
    assert reader.drain() == [3, 4]


def test_conflation_keeps_the_newest_event_of_each_key() -> None:
    """A newer quote replaces the waiting one of its instrument."""
    bus = core.Bus()
    reader = bus.subscribe("quotes", policy="conflate")
    for key, event in (("A", 1), ("B", 2), ("A", 3)):
        bus.publish("quotes", event, key)
    assert reader.drain() == [3, 2]
    assert reader.conflated == 1


def test_a_blocked_publisher_waits_for_room_and_gives_up_after_its_timeout() -> None:
    """Blocking is bounded, and what was given up is counted."""
    bus = core.Bus()
    reader = bus.subscribe("t", capacity=1, policy="block", block_timeout=0.05)
    bus.publish("t", 1)
    assert bus.publish("t", 2) == 0
    assert reader.dropped == 1
    patient = bus.subscribe("u", capacity=1, policy="block", block_timeout=10.0)
    bus.publish("u", 1)

    def read_later() -> None:
        time.sleep(0.05)
        patient.drain()

    thread = threading.Thread(target=read_later)
    thread.start()
    assert bus.publish("u", 2) == 1
    thread.join()


def test_the_wakeup_is_called_once_for_a_run_of_events() -> None:
    """A reader is woken when its queue becomes non-empty, not for each event."""
    bus = core.Bus()
    reader, calls = bus.subscribe("t"), []
    reader.set_wakeup(lambda: calls.append(1))
    for event in range(3):
        bus.publish("t", event)
    assert calls == [1]
    reader.drain()
    bus.publish("t", 3)
    assert calls == [1, 1]


async def test_batches_deliver_everything_from_another_thread_and_end_with_close() -> None:
    """An asyncio reader gets every event in order, and what waits when the bus closes."""
    bus = core.Bus()
    reader = bus.subscribe("t", capacity=64, policy="block")
    events: list[int] = []

    def produce() -> None:
        for event in range(2000):
            bus.publish("t", event)
        bus.close()

    thread = threading.Thread(target=produce)
    thread.start()
    async with asyncio.timeout(20):
        async for batch in reader.batches(limit=50):
            assert len(batch) <= 50
            events += batch
    thread.join()
    assert events == list(range(2000))


def test_a_handler_gets_each_event_at_once_and_may_publish_itself() -> None:
    """Publishing from inside a handler is safe and reaches everybody."""
    bus, seen = core.Bus(), []

    def handler(event: int) -> None:
        seen.append(event)
        if event < 3:
            bus.publish("t", event + 1)

    subscription = bus.subscribe("t", handler=handler)
    assert bus.publish("t", 1) == 1
    assert seen == [1, 2, 3]
    subscription.close()
    assert bus.publish("t", 1) == 0


def test_a_failing_handler_keeps_nobody_else_from_the_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The failure is reported and counted, and the producer goes on."""
    bus, reported = core.Bus(), []
    monkeypatch.setattr(sys, "unraisablehook", lambda info: reported.append(info.exc_type))
    bus.subscribe("t", handler=lambda event: 1 // event)
    reader = bus.subscribe("t")
    assert bus.publish("t", 0) == 2
    assert reported == [ZeroDivisionError]
    assert reader.drain() == [0]
    assert bus.statistics()["subscriptions"][0]["failures"] == 1


def test_an_encoder_runs_once_for_many_and_never_for_nobody() -> None:
    """All subscribers share the same bytes."""
    bus, calls = core.Bus(), []

    def encode(value: int) -> bytes:
        calls.append(value)
        return str(value).encode()

    assert bus.publish_encoded("t", 5, encode) == 0
    readers = [bus.subscribe("t"), bus.subscribe("t")]
    assert bus.publish_encoded("t", 6, encode) == 2
    first, second = (reader.drain()[0] for reader in readers)
    assert first is second
    assert calls == [6]


def test_a_list_is_published_item_by_item_with_one_wakeup() -> None:
    """The order stays, the bound holds and the loss is counted."""
    bus, calls = core.Bus(), []
    reader = bus.subscribe("t", capacity=4)
    reader.set_wakeup(lambda: calls.append(1))
    assert bus.publish_many("t", list(range(6))) == 6
    assert (reader.drain(), reader.dropped, calls) == ([2, 3, 4, 5], 2, [1])


def test_a_thread_can_wait_for_events() -> None:
    """Waiting releases the interpreter, and ends with events, time or close."""
    bus = core.Bus()
    reader = bus.subscribe("t")
    assert reader.drain_wait(timeout=0.01) == []
    thread = threading.Thread(target=lambda: (time.sleep(0.02), bus.publish("t", 1)))
    thread.start()
    assert reader.drain_wait(timeout=5.0) == [1]
    thread.join()
    bus.close()
    assert reader.drain_wait(timeout=5.0) == []


def test_statistics_tell_topics_and_subscriptions() -> None:
    """What was published and what became of it, by name."""
    bus = core.Bus()
    reader = bus.subscribe("t", capacity=1)
    bus.publish("t", 1)
    bus.publish("t", 2)
    reader.drain()
    statistics = bus.statistics()
    assert statistics["topics"] == {"t": {"published": 2, "subscribers": 1}}
    (entry,) = statistics["subscriptions"]
    assert (entry["delivered"], entry["dropped"], entry["pending_max"]) == (1, 1, 1)


def test_nonsense_arguments_are_value_errors() -> None:
    """Unknown policies and impossible capacities are refused at once."""
    with pytest.raises(ValueError, match="policy"):
        core.Bus().subscribe("t", policy="keep_everything")
    with pytest.raises(ValueError, match="capacity"):
        core.Bus().subscribe("t", capacity=0)


def test_importing_the_package_does_not_import_numpy() -> None:
    """Programs that only dispatch or match do not pay for NumPy."""
    code = "import sys, pi5_core; raise SystemExit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
