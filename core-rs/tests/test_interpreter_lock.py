"""Every call with columns lets other threads run."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pi5_core as core
import pytest

COUNT = 1_000_000


@pytest.fixture(scope="module")
def columns() -> dict[str, np.ndarray]:
    """A million rows, enough for each call to take many milliseconds."""
    random = np.random.default_rng(2)
    return {
        "codes": random.integers(0, 2, COUNT).astype(np.uint8),
        "ids": np.arange(COUNT),
        "prices": random.integers(0, 1_000_000, COUNT),
        "times": np.arange(COUNT),
        "ones": np.ones(COUNT, np.int64),
        "floats": 100 + random.random(COUNT),
    }


CALLS: dict[str, Callable[[dict[str, np.ndarray]], object]] = {
    "L2Book.apply": lambda c: core.L2Book().apply(c["codes"], c["prices"], c["ones"]),
    "L3Book.apply": lambda c: core.L3Book().apply(
        np.zeros(COUNT, np.uint8), c["ids"], c["codes"], c["prices"], c["ones"]
    ),
    "MatchingEngine.apply": lambda c: core.MatchingEngine().apply(
        np.zeros(COUNT, np.uint8), c["ids"], c["codes"], c["prices"], c["ones"]
    ),
    "an indicator": lambda c: core.cci(c["floats"], c["floats"], c["floats"], 60),
    "Pipeline.run": lambda c: _pipeline().run(*[c["floats"]] * 5),
    "BarBuilder.ticks": lambda c: core.BarBuilder("ticks", 1).ticks(
        c["times"], c["prices"], c["ones"]
    ),
    "BarBuilder.bars": lambda c: core.BarBuilder("ticks", 1).bars(
        c["times"], *[c["prices"]] * 4, c["ones"]
    ),
    "run_targets": lambda c: core.run_targets(c["prices"], *[c["prices"]] * 3),
    "run_sma_cross": lambda c: core.run_sma_cross(*[c["prices"]] * 4, 1, 2, 1),
    "sweep_sma_cross": lambda c: core.sweep_sma_cross(
        *[c["prices"]] * 4, np.array([[1, 2], [2, 5]]), 1, threads=1
    ),
}


def _pipeline() -> core.Pipeline:
    pipeline = core.Pipeline()
    for name in ("cci", "macd", "stochastic"):
        pipeline.add(name)
    return pipeline


@pytest.fixture(scope="module")
def ticks() -> Iterator[list[float]]:
    """Times at which another thread had the interpreter, about every millisecond."""
    seen: list[float] = []
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.001):
            seen.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    yield seen
    stop.set()
    thread.join()


@pytest.mark.parametrize("name", CALLS)
def test_other_threads_run_during(
    name: str, columns: dict[str, np.ndarray], ticks: list[float]
) -> None:
    """Another thread gets its turn well inside the call, not only around it."""
    call = CALLS[name]
    for _attempt in range(5):
        start = time.perf_counter()
        call(columns)
        end = time.perf_counter()
        margin = (end - start) / 5
        if any(start + margin < tick < end - margin for tick in ticks):
            return
    pytest.fail(f"no other thread ran inside {name}")
