"""The circuit breaker: five failures, thirty seconds, one probe."""

from __future__ import annotations

import pytest
from pi5.domain.errors import Unavailable
from pi5.kit.breaker import Breaker, BreakerState


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0

    def now_ns(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.now


@pytest.fixture
def clock():
    return Hands()


@pytest.fixture
def open_breaker(clock):
    breaker = Breaker("test", clock)
    for _ in range(5):
        breaker.failed()
    return breaker


def test_opens_at_the_fifth_failure_in_a_row(clock):
    """Four failures and a success leave it closed; five in a row open it."""
    breaker = Breaker("test", clock)
    for _ in range(4):
        breaker.failed()
    breaker.succeeded()
    for _ in range(4):
        breaker.failed()
    breaker.admit()
    breaker.failed()
    assert breaker.state is BreakerState.OPEN
    with pytest.raises(Unavailable) as caught:
        breaker.admit()
    assert caught.value.code == "BREAKER_OPEN"


def test_lets_one_probe_through_after_its_time(clock, open_breaker):
    """After 30 s exactly one call passes; its outcome decides."""
    clock.now = 30_000_000_000
    assert open_breaker.state is BreakerState.HALF_OPEN
    open_breaker.admit()
    with pytest.raises(Unavailable):
        open_breaker.admit()
    open_breaker.failed()
    assert open_breaker.state is BreakerState.OPEN
    clock.now *= 2
    open_breaker.admit()
    open_breaker.succeeded()
    assert open_breaker.state is BreakerState.CLOSED


async def test_what_lowers_risk_passes(open_breaker):
    """A cancel is made while the breaker is open, and its success closes it."""

    async def cancel() -> str:
        return "done"

    with pytest.raises(Unavailable):
        await open_breaker.call(cancel)
    assert await open_breaker.call(cancel, passes=True) == "done"
    assert open_breaker.state is BreakerState.CLOSED


async def test_a_probe_that_was_given_up_leaves_room_for_another(clock, open_breaker):
    """A cancelled probe shows nothing, so the next one may try."""
    clock.now = 30_000_000_000

    async def given_up() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await open_breaker.call(given_up)
    open_breaker.admit()
