"""The only place that reads the wall clock, the monotonic clock and the random generator."""

from __future__ import annotations

import random
import secrets
import time
import uuid
from typing import Protocol


class Clock(Protocol):
    """What a shell needs to know about time."""

    def now_ns(self) -> int:
        """Wall time in nanoseconds since 1970 (UTC)."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that only ever grow, for intervals."""


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Wall time in nanoseconds since 1970 (UTC)."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds that only ever grow."""
        return time.monotonic_ns()


def new_id() -> str:
    """Return a random id (UUID version 4). Never from a sequence, so restores cannot repeat one."""
    return str(uuid.uuid4())


def new_rng(seed: int | None = None) -> random.Random:
    """Return a random generator; seeded for reproducible runs."""
    return random.Random(seed)  # noqa: S311 - simulation, not secrets


def new_secret() -> str:
    """Return a random token of 256 bits from the system's generator, for sessions and set-up."""
    return secrets.token_urlsafe(32)
