"""The data service's SQL against a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest
from pi5.data import store as store_module
from pi5.data.providers.synthetic import synthetic_instrument
from pi5.data.quality import Problem, RejectedRow
from pi5.data.store import BarRange, Store, bar_of
from pi5.domain.market import Bar, Timeframe
from pi5.kit.database import open_pool

pytestmark = pytest.mark.integration
ACME = synthetic_instrument("ACME")
DAY_NS = 86_400 * 10**9
NOW_NS = 20_000 * DAY_NS


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    """A store on a fresh database that knows ACME."""
    pool = await open_pool(database, "data", 2)
    try:
        store = Store(pool)
        await store.add_instruments([ACME])
        yield store
    finally:
        pool.terminate()


def bar(age_days: int, timeframe: Timeframe = Timeframe.M1, source: str = "synthetic") -> Bar:
    price = Decimal("50.25") + age_days
    time_ns = NOW_NS - age_days * DAY_NS
    return Bar("ACME", timeframe, time_ns, price, price, price, price, Decimal(7), source)


def whole(timeframe: Timeframe) -> BarRange:
    return BarRange("ACME", timeframe, 0, NOW_NS + DAY_NS)


async def test_instruments_come_back_as_they_were(store: Store) -> None:
    """Every field survives, and a second insert changes nothing."""
    await store.add_instruments([replace(ACME, name="another")])
    assert await store.instruments() == [ACME]


@pytest.mark.parametrize("rows", [3, store_module._COPY_ROWS_MIN + 1])
async def test_few_and_many_bars_are_stored_once_and_exactly(store: Store, rows: int) -> None:
    """Both ways of writing keep what is there, count what is new, and lose no digit."""
    bars = [bar(n) for n in range(rows)]
    assert await store.add_bars([(bars[1], ACME)]) == 1
    changed = [(replace(one, close=one.close, volume=Decimal(99)), ACME) for one in bars]
    assert await store.add_bars(changed) == rows - 1
    stored = await store.bars(whole(Timeframe.M1), rows + 1)
    read = [bar_of(one, ACME, Timeframe.M1) for one in stored]
    expected = [one if one is bars[1] else replace(one, volume=Decimal(99)) for one in bars]
    assert read == expected[::-1]
    assert await store.last_closes(["ACME", "NOPE"], Timeframe.M1) == {"ACME": Decimal("50.25")}


async def test_old_live_bars_are_forgotten_and_history_is_not(store: Store, monkeypatch) -> None:
    """Retention takes minutes of a live feed, and the oldest quarantined rows; nothing else."""
    monkeypatch.setattr(store_module, "QUARANTINED_ROWS_MAX", 2)
    kept = [bar(29), bar(31, source="minutes.csv"), bar(5_000, Timeframe.D1, "days.csv")]
    await store.add_bars([(one, ACME) for one in [*kept, bar(32)]])
    rows = [
        RejectedRow.of("ACME", "x", Problem("MALFORMED", ""), f"row {n}", NOW_NS) for n in range(5)
    ]
    await store.add_rejected(rows)
    await store.forget_old(["ACME"], "synthetic", NOW_NS)
    minutes = await store.bars(whole(Timeframe.M1), 10)
    assert [one.source for one in minutes] == ["minutes.csv", "synthetic"]
    assert len(await store.bars(whole(Timeframe.D1), 10)) == 1
    left = await store.rejected("", None, 10)
    assert [row.content for _, row in left] == ["row 4", "row 3"]


async def test_two_imports_of_one_request_at_once_work_once(store: Store) -> None:
    """Of two calls with the same id at the same time one works, both get its answer."""
    request_id = "0f7a2e6e-6f5e-4c43-9c39-0d1c4a1f3b11"
    worked: list[int] = []

    def answer(stored: int) -> bytes:
        worked.append(stored)
        return b"stored %d" % stored

    answers = await asyncio.gather(
        *(
            store.import_once(request_id, b"hash", ACME, [bar(1), bar(2)], [], answer)
            for _ in range(2)
        )
    )
    assert answers == [b"stored 2", b"stored 2"]
    assert worked == [2]
