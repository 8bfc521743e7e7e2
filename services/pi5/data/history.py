"""Reads stored bars for everybody who asks: pages, and whole histories merged by time.

Bars of one and five seconds live in memory; should some have been imported, both are read as one.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from pi5.data.recent import CAPACITY, BarRow, RecentBars
from pi5.data.store import BarRange, Store, StoredBar, bar_of
from pi5.domain.instrument import Instrument
from pi5.domain.market import Bar, Timeframe

BATCH_ROWS = 5_000
_PAGE_ROWS_MIN = 250


class BarHistory:
    """Stored and recent bars behind one door."""

    def __init__(self, store: Store, recent: RecentBars) -> None:
        self._store = store
        self._recent = recent

    async def page(self, wanted: BarRange, limit: int) -> list[StoredBar]:
        """Return at most `limit` bars, oldest first."""
        stored = await self._store.bars(wanted, limit)
        if wanted.timeframe not in CAPACITY:
            return stored
        start_ns, end_ns = wanted.start_ns, wanted.end_ns
        if wanted.beyond_ns is not None and wanted.newest:
            end_ns = min(end_ns, wanted.beyond_ns)
        elif wanted.beyond_ns is not None:
            start_ns = max(start_ns, wanted.beyond_ns + 1)
        source = self._recent.source(wanted.symbol, wanted.timeframe)
        by_time = {
            row[0]: StoredBar(row, source)
            for row in self._recent.rows(wanted.symbol, wanted.timeframe, start_ns, end_ns)
        }
        by_time.update((bar.row[0], bar) for bar in stored)
        bars = [by_time[time_ns] for time_ns in sorted(by_time)]
        return bars[-limit:] if wanted.newest else bars[:limit]

    async def bars_after(
        self, instrument: Instrument, timeframe: Timeframe, after_ns: int, end_ns: int, limit: int
    ) -> list[Bar]:
        """Return at most `limit` bars after a time, oldest first, with exact decimals."""
        wanted = BarRange(instrument.symbol, timeframe, after_ns, end_ns, beyond_ns=after_ns)
        return [bar_of(bar, instrument, timeframe) for bar in await self.page(wanted, limit)]

    async def merged(
        self, instruments: Sequence[Instrument], timeframe: Timeframe, start_ns: int, end_ns: int
    ) -> AsyncIterator[list[tuple[int, BarRow]]]:
        """Yield batches of (index of the instrument, bar) in time order, ties by symbol.

        Each instrument is read page by page, so memory is bounded however long the history, and
        no connection is held while the receiver takes its time.
        """
        page_rows = max(_PAGE_ROWS_MIN, BATCH_ROWS // len(instruments))
        cursors = [
            _Cursor(self, BarRange(item.symbol, timeframe, start_ns, end_ns), page_rows)
            for item in instruments
        ]
        heads: list[tuple[int, str, int]] = []
        for index, cursor in enumerate(cursors):
            if await cursor.advance():
                heads.append((cursor.row[0], instruments[index].symbol, index))
        heapq.heapify(heads)
        batch: list[tuple[int, BarRow]] = []
        while heads:
            _, symbol, index = heads[0]
            cursor = cursors[index]
            batch.append((index, cursor.row))
            if len(batch) == BATCH_ROWS:
                yield batch
                batch = []
            if await cursor.advance():
                heapq.heapreplace(heads, (cursor.row[0], symbol, index))
            else:
                heapq.heappop(heads)
        if batch:
            yield batch


class _Cursor:
    """Walks through the bars of one symbol; `row` is where it stands."""

    def __init__(self, history: BarHistory, wanted: BarRange, page_rows: int) -> None:
        self.row: BarRow = (0, 0, 0, 0, 0, 0)
        self._history = history
        self._wanted = wanted
        self._page_rows = page_rows
        self._page: list[StoredBar] = []
        self._at = 0

    async def advance(self) -> bool:
        """Step to the next bar; False at the end."""
        if self._at == len(self._page):
            if 0 < len(self._page) < self._page_rows:
                return False
            self._page = await self._history.page(self._wanted, self._page_rows)
            self._at = 0
            if not self._page:
                return False
            self._wanted = replace(self._wanted, beyond_ns=self._page[-1].row[0])
        self.row = self._page[self._at].row
        self._at += 1
        return True
