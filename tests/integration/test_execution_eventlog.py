"""The event log's writer on a real database: groups, order, chain, and the sender's epoch."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import uuid

import pytest
from pi5.domain.broker import BrokerReport
from pi5.domain.errors import Unavailable
from pi5.domain.order import OrderStatus
from pi5.execution import store
from pi5.execution.eventlog import EventLog, SenderLost, Tail
from pi5.kit.database import open_pool

from tests.unit.execution.orders import NOW, fill_report, new_engine, opened, seen

pytestmark = pytest.mark.integration


def make_engine():
    engine = new_engine()
    engine._new_id = lambda: str(uuid.uuid4())
    return engine


def order_effects(engine, name):
    order_id = str(uuid.uuid4())
    return order_id, opened(engine, order_id=order_id, client_order_id=name)


@contextlib.asynccontextmanager
async def writer(pool):
    """A sender with its log running."""
    async with pool.acquire() as connection:
        head = await store.try_become_sender(connection)
        assert head is not None
        tail = Tail()
        log = EventLog(connection, head, tail)
        task = asyncio.create_task(log.run())
        try:
            yield log, tail, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_group_is_one_transaction_with_contiguous_numbers(database):
    """150 orders at once become few commits; events are numbered and chained without gaps."""
    pool = await open_pool(database, "execution", 3)
    try:
        async with writer(pool) as (log, tail, _):
            engine = make_engine()
            effects = [order_effects(engine, f"c-{n}")[1] for n in range(150)]
            await asyncio.gather(*(log.commit(item) for item in effects))
            rows = await pool.fetch("SELECT seq, hash, prev_hash, xmin::text FROM event ORDER BY 1")
            assert [row["seq"] for row in rows] == list(range(1, 151))
            assert all(a["hash"] == b["prev_hash"] for a, b in itertools.pairwise(rows))
            assert len({row["xmin"] for row in rows}) <= 4
            assert (
                await pool.fetchval("SELECT count(*) FROM intent WHERE settled_at IS NULL") == 150
            )
            from_memory = tail.after(100, 10)
            assert from_memory == await store.events_after(pool, 100, 10)
            assert tail.after(150, 10) == []
    finally:
        pool.terminate()


async def test_several_changes_of_an_order_in_one_group(database):
    """Created, accepted and filled in one batch: one row with the last state, all events."""
    pool = await open_pool(database, "execution", 3)
    try:
        async with writer(pool) as (log, _, _task):
            engine = make_engine()
            order_id, created = order_effects(engine, "c-1")
            accepted = engine.on_report(BrokerReport(seen()), NOW)
            filled = engine.on_report(fill_report(1, 10, 10), NOW)
            futures = [await log.append(item) for item in (created, accepted, filled)]
            await asyncio.gather(*futures)
            row = await pool.fetchrow("SELECT * FROM orders")
            assert (row["status"], row["filled_qty"]) == (int(OrderStatus.FILLED), 10)
            assert await pool.fetchval("SELECT count(DISTINCT xmin::text) FROM event") == 1
            entry = await store.entry_of(pool, "c-1")
            assert entry is not None
            assert entry.order.id == order_id
            assert entry.settled
            assert entry.order.filled_notional == 1000
            assert list(entry.executions) == ["x-1"]
            assert entry.reference_price == 100
    finally:
        pool.terminate()


async def test_a_superseded_sender_writes_nothing_at_all(database):
    """With an old epoch no row of a batch is written, and the writer ends with a fault."""
    pool = await open_pool(database, "execution", 3)
    try:
        async with writer(pool) as (log, _, task):
            await pool.execute("UPDATE stream_head SET epoch = epoch + 1")
            with pytest.raises(Unavailable) as caught:
                await log.commit(order_effects(make_engine(), "c-1")[1])
            assert caught.value.code == "DATABASE_LOST"
            with pytest.raises(SenderLost):
                await task
            for table in ("orders", "intent", "event", "fill"):
                assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 0
            with pytest.raises(Unavailable):
                await log.append(order_effects(make_engine(), "c-2")[1])
    finally:
        pool.terminate()


async def test_there_is_one_sender(database):
    """While one connection holds the lock no other gets it; a new sender has a higher epoch."""
    pool = await open_pool(database, "execution", 3)
    try:
        async with pool.acquire() as first, pool.acquire() as second:
            head = await store.try_become_sender(first)
            assert head is not None
            assert await store.try_become_sender(second) is None
            await first.close()
            later = await store.try_become_sender(second)
            assert later is not None
            assert later.epoch == head.epoch + 1
    finally:
        pool.terminate()
