"""A time limit on every call of a plug-in, so one that hangs cannot stop the others.

An interval timer interrupts the call with SIGALRM, also inside `while True` or `time.sleep`. It is
set per call (about a microsecond) and disarmed before anything else runs, so the exception can only
arise inside the plug-in. Code of an extension that never looks at signals is beyond its reach.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from pi5.strategy import metrics

T = TypeVar("T")
# Importing a plug-in may pull a large library in.
LOADING_LIMIT_MS = 5_000


class CallTimeout(BaseException):
    """A plug-in took too long. Not an Exception, so that a broad `except` does not swallow it."""


class Watchdog:
    """Calls plug-ins under a time limit; only in the main thread, as signals demand.

    Args:
        limit_ms: longest time of one call in milliseconds.
    """

    def __init__(self, limit_ms: int) -> None:
        self._limit_ms = limit_ms
        self._now_ms = 0  # the limit of the call that runs; 0 between calls
        signal.signal(signal.SIGALRM, self._interrupt)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._now_ms:
            raise CallTimeout(f"took longer than {self._now_ms} ms")

    def call(self, hook: Callable[..., None], context: Any, event: Any) -> None:
        """Call a hook; it ends in time or with CallTimeout."""
        started = time.perf_counter()
        try:
            self.run(lambda: hook(context, event))
        finally:
            name = getattr(hook, "__name__", "")
            metrics.CALL_SECONDS.labels("on_start" if name == "<lambda>" else name).observe(
                time.perf_counter() - started
            )

    def load(self, code: Callable[[], T]) -> T:
        """Import a plug-in under the limit for loading."""
        return self.run(code, LOADING_LIMIT_MS)

    def run(self, code: Callable[[], T], limit_ms: int = 0) -> T:
        """Run a piece of a plug-in's code under a limit; the one of calls when 0."""
        self._now_ms = limit_ms or self._limit_ms
        signal.setitimer(signal.ITIMER_REAL, self._now_ms / 1_000)
        try:
            return code()
        finally:
            self._now_ms = 0
            signal.setitimer(signal.ITIMER_REAL, 0)
