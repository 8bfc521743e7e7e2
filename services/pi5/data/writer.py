"""Carries completed bars and quarantined rows into the database, without anybody waiting for it.

While the database is away they wait in bounded queues; when those are full the oldest give way,
are counted and are said to be lost. Live data never waits for storage.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import Any

from pi5.data import metrics
from pi5.data.quality import RejectedRow
from pi5.data.store import Store
from pi5.domain.errors import Unavailable
from pi5.domain.instrument import Instrument
from pi5.domain.market import Bar
from pi5.kit.log import Logger
from pi5.kit.metrics import QUEUE_DEPTH, QUEUE_DROPPED

QUEUED_MAX = 10_000
_INTERVAL_S = 1.0
_BATCH_ROWS_MAX = 2_000


class Writer:
    """Two bounded queues in front of the store."""

    def __init__(self, store: Store, log: Logger) -> None:
        self._store = store
        self._log = log
        self._bars: deque[tuple[Bar, Instrument]] = deque()
        self._rejected: deque[RejectedRow] = deque()

    def bar(self, bar: Bar, instrument: Instrument) -> None:
        """Queue a completed bar."""
        self._bars.append((bar, instrument))
        self._bound("bars", self._bars)

    def rejected(self, row: RejectedRow) -> None:
        """Queue a row for quarantine."""
        self._rejected.append(row)
        self._bound("quarantine", self._rejected)

    def _bound(self, name: str, queue: deque[Any]) -> None:
        if len(queue) > QUEUED_MAX:
            queue.popleft()
            QUEUE_DROPPED.labels(name).inc()

    async def run(self) -> None:
        """Write for ever."""
        away = False
        while True:
            await asyncio.sleep(_INTERVAL_S)
            QUEUE_DEPTH.labels("bars").set(len(self._bars))
            QUEUE_DEPTH.labels("quarantine").set(len(self._rejected))
            try:
                await self.flush()
            except Unavailable:
                if not away:
                    self._log.warning("the database is away; bars wait", waiting=len(self._bars))
                away = True
            else:
                away = False

    async def flush(self) -> None:
        """Write what waits.

        Raises:
            Unavailable: DATABASE_UNREACHABLE; what was not written stays queued.
        """
        while self._bars:
            bars = list(islice(self._bars, _BATCH_ROWS_MAX))
            metrics.BARS_STORED.inc(await self._store.add_bars(bars))
            _take(self._bars, bars[-1])
        while self._rejected:
            rows = list(islice(self._rejected, _BATCH_ROWS_MAX))
            await self._store.add_rejected(rows)
            _take(self._rejected, rows[-1])


def _take(queue: deque[Any], last: object) -> None:
    """Remove everything up to an entry; entries may have given way meanwhile."""
    while queue:
        if queue.popleft() is last:
            return
