"""A circuit breaker: after repeated failures nothing is tried for a while, then one probe is.

What it protects decides what a failure is: a business refusal is an answer, so it is not one.
Calls that lower risk (cancels) pass whatever the state, and their outcome counts all the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import TypeVar

from pi5.domain.errors import Unavailable
from pi5.kit.clock import Clock
from pi5.kit.metrics import BREAKER_STATE

T = TypeVar("T")


class BreakerState(IntEnum):
    """State of a breaker; the numbers are those of the contract."""

    CLOSED = 1
    OPEN = 2
    HALF_OPEN = 3


_GAUGE = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


class Breaker:
    """Opens after `failures` failures in a row, for `open_s` seconds."""

    def __init__(self, name: str, clock: Clock, failures: int = 5, open_s: float = 30.0) -> None:
        self.name = name
        self._clock = clock
        self._most = failures
        self._open_ns = int(open_s * 1e9)
        self._failures = 0
        self._opened_at_ns = 0
        self._probing = False
        self._state = BreakerState.CLOSED
        self._show()

    @property
    def state(self) -> BreakerState:
        """Return the state now; an open one becomes half open when its time is over."""
        if self._state is BreakerState.OPEN and self._rested():
            return BreakerState.HALF_OPEN
        return self._state

    def admit(self) -> None:
        """Ask to make a call.

        Raises:
            Unavailable: BREAKER_OPEN; nothing was tried.
        """
        if self._state is BreakerState.CLOSED:
            return
        if self.state is BreakerState.HALF_OPEN and not self._probing:
            self._state = BreakerState.HALF_OPEN
            self._probing = True
            self._show()
            return
        left_s = max(0.0, (self._opened_at_ns + self._open_ns - self._clock.monotonic_ns()) / 1e9)
        raise Unavailable(
            "BREAKER_OPEN",
            f"{self.name} failed {self._failures} times in a row; it is tried again in "
            f"{left_s:.0f} s",
            details={"breaker": self.name},
            retry_after_s=left_s,
        )

    def succeeded(self) -> None:
        """Say that a call was answered."""
        self._failures = 0
        self._probing = False
        self._state = BreakerState.CLOSED
        self._show()

    def failed(self) -> None:
        """Say that a call was not answered."""
        self._failures += 1
        self._probing = False
        if self._state is BreakerState.HALF_OPEN or self._failures >= self._most:
            self._state = BreakerState.OPEN
            self._opened_at_ns = self._clock.monotonic_ns()
        self._show()

    def abandoned(self) -> None:
        """Say that a call was given up before it could show anything."""
        self._probing = False

    async def call(self, operation: Callable[[], Awaitable[T]], *, passes: bool = False) -> T:
        """Make a call through the breaker; with `passes` whatever the state.

        Raises:
            Unavailable: BREAKER_OPEN; nothing was tried.
        """
        if not passes:
            self.admit()
        try:
            answer = await operation()
        except Exception:
            self.failed()
            raise
        except BaseException:
            self.abandoned()
            raise
        self.succeeded()
        return answer

    def _rested(self) -> bool:
        return self._clock.monotonic_ns() - self._opened_at_ns >= self._open_ns

    def _show(self) -> None:
        BREAKER_STATE.labels(self.name).set(_GAUGE[self._state])
