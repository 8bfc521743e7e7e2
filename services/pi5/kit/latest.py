"""The newest value of something that many streams send out, each at its own pace.

A slow reader skips values in between and never holds the writer or other readers up.
"""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """One value with a version that grows with every change."""

    def __init__(self) -> None:
        self.version = 0
        self.value: T | None = None
        self._changed = asyncio.Event()

    def set(self, value: T) -> None:
        """Put a new value in and wake all who wait."""
        self.value = value
        self.version += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def newer(self, version: int, timeout_s: float) -> bool:
        """Wait for a version after `version`; False when none came within `timeout_s`."""
        if self.version > version:
            return True
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        except TimeoutError:
            return self.version > version
        return True
