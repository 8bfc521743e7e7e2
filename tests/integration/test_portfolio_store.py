"""The store of portfolio against a real PostgreSQL: one transaction for effects and cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg
import pytest
from pi5.domain.errors import Precondition
from pi5.domain.mark import Marks, MarkSource
from pi5.domain.order import Side
from pi5.kit.database import open_pool
from pi5.portfolio.engine import DayStart, PortfolioEngine
from pi5.portfolio.store import Store

from tests.unit.portfolio.order_log import fill_event

pytestmark = pytest.mark.integration
NS = 1_000_000_000
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(2100, 1, 1, tzinfo=UTC)
EVENTS = [
    fill_event(1, Side.BUY, "3", "10.01", "0.07", time_ns=1_700_000_000 * NS),
    fill_event(2, Side.SELL, "1", "11.03", "0.03", time_ns=1_700_000_100 * NS),
    fill_event(3, Side.SELL, "4", "12.5", "0.01", time_ns=1_700_000_200 * NS),
    fill_event(4, Side.BUY, "1.000000000000000001", "7.25", "0", "GLOBEX"),
]


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    opened = await open_pool(database, "portfolio", 2)
    yield opened
    opened.terminate()


@pytest.fixture
async def store(pool: asyncpg.Pool) -> Store:
    made = Store(pool)
    await made.open_account("main", "USD", Decimal(1_000))
    return made


async def apply(store: Store, engine: PortfolioEngine, events) -> None:
    staged = engine.books.staged()
    changes = [change for event in events if (change := staged.apply(event))]
    await store.save_batch(engine.books.sequence, staged, changes)
    engine.adopt(staged)


async def test_books_come_back_as_they_were(store: Store) -> None:
    """Positions, open trades, cash and cursor survive a restart to the last digit."""
    live = PortfolioEngine("main", "USD", Decimal(1_000))
    await apply(store, live, EVENTS[:2])
    await apply(store, live, EVENTS[2:])
    saved = await store.load("main")
    assert saved.books.differences(live.books) == []
    assert saved.books.holdings == live.books.holdings
    assert await store.applied("main", ["x1", "x9"]) == ["x1"]
    ((_, trade),) = await store.trades("main", "", "", None, 10)
    assert (trade.side, trade.qty, trade.exit_price) == (
        Side.BUY,
        3,
        round(Decimal("36.03") / 3, 12),
    )


async def test_a_crash_inside_the_transaction_leaves_nothing(
    store: Store, pool: asyncpg.Pool
) -> None:
    """When the last statement fails, neither positions nor cash nor cursor have moved."""
    live = PortfolioEngine("main", "USD", Decimal(1_000))
    await apply(store, live, EVENTS[:1])
    before = await store.load("main")
    staged = live.books.staged()
    changes = [change for event in EVENTS[1:] if (change := staged.apply(event))]
    owner = await pool.acquire()
    await owner.execute("SET ROLE NONE")
    await owner.execute("ALTER TABLE portfolio.trade ADD CONSTRAINT broken CHECK (qty < 0)")
    with pytest.raises(asyncpg.CheckViolationError):
        await store.save_batch(live.books.sequence, staged, changes)
    after = await store.load("main")
    assert after.books.differences(before.books) == []
    assert after.books.holdings == before.books.holdings
    assert await store.applied("main", ["x2", "x3", "x4"]) == []
    await owner.execute("ALTER TABLE portfolio.trade DROP CONSTRAINT broken")
    await pool.release(owner)
    await store.save_batch(live.books.sequence, staged, changes)
    assert (await store.load("main")).books.differences(staged) == []


async def test_a_second_writer_is_refused(store: Store) -> None:
    """Books that are not at the stored cursor may not write."""
    first, second = (PortfolioEngine("main", "USD", Decimal(1_000)) for _ in range(2))
    await apply(store, first, EVENTS[:2])
    with pytest.raises(Precondition) as caught:
        await apply(store, second, EVENTS[:1])
    assert caught.value.code == "CURSOR_MOVED"


async def test_the_account_keeps_its_currency_and_cash(store: Store) -> None:
    """Other settings later neither change what the account began with nor its currency."""
    await store.open_account("main", "USD", Decimal(5))
    assert (await store.load("main")).books.initial_cash == 1_000
    with pytest.raises(Precondition) as caught:
        await store.open_account("main", "EUR", Decimal(5))
    assert caught.value.code == "CURRENCY_CHANGED"


async def test_day_high_and_marks_survive_a_restart(store: Store) -> None:
    """The day's beginning stands as first written; the high and the last marks come back."""
    live = PortfolioEngine("main", "USD", Decimal(1_000))
    await apply(store, live, EVENTS[:1])
    live.on_mark("ACME", Decimal("20.5"), 5, MarkSource.QUOTE)
    day = live.start_day(1_700_000_000 * NS)
    assert day is not None
    await store.save_day("main", day)
    await store.save_day("main", DayStart(day.day, Decimal(1)))
    await store.save_equity(live.summary(1_700_000_001 * NS), live.high_equity, live.marks)
    saved = await store.load("main")
    assert saved.day == day
    assert saved.high_equity == live.equity()
    assert saved.marks["ACME"].price == Decimal("20.5")
    assert (await store.days("main")) == [day]


async def test_the_equity_curve_is_thinned_but_keeps_highs(store: Store) -> None:
    """A thinned curve ends with the newest point and measures falls from the true high."""
    live = PortfolioEngine("main", "USD", Decimal(1_000))
    await apply(store, live, EVENTS[:1])
    for second, price in enumerate([10, 40, 20, 15, 12, 11]):
        live.on_mark("ACME", Decimal(price), second)
        await store.save_equity(
            live.summary((1_700_000_000 + second) * NS), live.high_equity, Marks()
        )
    rows = await store.equity("main", BEGIN, END, 3)
    assert len(rows) == 3
    assert rows[-1].equity == live.equity()
    assert rows[-1].high == live.high_equity
    points = [equity async for _, equity in store.each_equity("main", BEGIN, END)]
    assert len(points) == 6
    usage = await store.usage("main", BEGIN, END)
    assert usage.traded == 0
    ((_, close),) = await store.closes("main", BEGIN, END, 0)
    assert close == live.equity()
    await store.thin_equity("main", 1_800_000_000 * NS)
    kept = [equity async for _, equity in store.each_equity("main", BEGIN, END)]
    assert kept == [live.equity()]


async def test_trades_are_paged_newest_first(store: Store) -> None:
    """Pages follow each other without overlap, by strategy and symbol where asked."""
    live = PortfolioEngine("main", "USD", Decimal(1_000))
    events = [
        fill_event(n, Side.BUY if n % 2 else Side.SELL, "1", "10", time_ns=1_700_000_000 * NS + n)
        for n in range(1, 11)
    ]
    await apply(store, live, events)
    first = await store.trades("main", "trend", "ACME", None, 3)
    row_id, trade = first[-1]
    place = (datetime.fromtimestamp(trade.closed_at_ns / NS, UTC), row_id)
    rest = await store.trades("main", "", "", place, 3)
    assert [row for row, _ in [*first, *rest]] == [5, 4, 3, 2, 1]
    assert await store.trades("main", "other", "", None, 3) == []
