"""Millions of events leave memory where it was."""

import gc
from pathlib import Path

import numpy as np
import pi5_core as core

EVENTS = 1_000_000
ALLOWED_MB = 12


def _resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def _round(
    engine: core.MatchingEngine, bus: core.Bus, reader: core.Subscription, first: int
) -> None:
    random = np.random.default_rng(first)
    count = EVENTS // 4
    # Pairs of an order and its cancel or counterpart, so that the book stays small.
    operations = random.choice([core.OP_LIMIT, core.OP_LIMIT, core.OP_CANCEL], count)
    ids = np.where(operations == core.OP_CANCEL, first + random.integers(0, count, count), 0)
    ids = np.where(operations == core.OP_LIMIT, first + np.arange(count), ids)
    prices = random.integers(95, 106, count)
    engine.apply(
        operations.astype(np.uint8),
        ids,
        random.integers(0, 2, count).astype(np.uint8),
        prices,
        np.ones(count, np.int64),
    )
    engine.cancel_all()
    for event in range(count // 10):
        bus.publish("ticks", event)
        if event % 500 == 0:
            reader.drain(1000)


def test_four_million_operations_keep_memory_flat() -> None:
    """After a warm-up, memory does not grow with the number of events."""
    engine, bus = core.MatchingEngine(), core.Bus()
    reader = bus.subscribe("ticks", capacity=512)
    for number in range(4):
        _round(engine, bus, reader, number * EVENTS)
    before = _resident_mb()
    for number in range(4, 20):
        _round(engine, bus, reader, number * EVENTS)
    assert len(engine) == 0
    assert _resident_mb() - before < ALLOWED_MB
