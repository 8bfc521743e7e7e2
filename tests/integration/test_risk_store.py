"""The store of risk against a real PostgreSQL: decisions, claims and cursor are one transaction."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import asyncpg
import pytest
from pi5.api.risk.v1 import risk_pb2
from pi5.domain.decision import TradingMode
from pi5.domain.errors import Conflict, NotFound, Precondition
from pi5.domain.limits import Limits, LimitScope, Sizing, SizingMethod
from pi5.domain.order import OrderStatus
from pi5.kit.database import open_pool
from pi5.kit.wire.orders import decision_from
from pi5.risk.engine import DayRecord, ModeState
from pi5.risk.store import DecisionFilter, Request, Store, StoredLimits

from tests.unit.risk.worlds import MS, NOW, engine, log_event, order

pytestmark = pytest.mark.integration


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    opened = await open_pool(database, "risk", 2)
    yield opened
    opened.terminate()


@pytest.fixture
def store(pool: asyncpg.Pool) -> Store:
    return Store(pool)


def decided(qty: int, name: str = "c1", at_ms: int = 0, **changes):
    """A decision on an order, with the claim it made."""
    made = engine()
    made.on_portfolio(replace(made.view("main"), time_ns=NOW + at_ms * MS))
    made.on_mark("ACME", Decimal(100), NOW + at_ms * MS)
    terms = order(qty, name=name, **changes)
    decision = made.evaluate_order(terms, NOW + at_ms * MS, str(uuid.uuid4()))
    claim = made.on_order_event(log_event(1, terms, OrderStatus.PENDING_NEW))
    return decision, claim


async def test_decisions_claims_and_cursor_come_back(store: Store) -> None:
    """A restart finds the cursor, what is reserved, and each decision with every check."""
    decision, claim = decided(100)
    await store.save_log(0, 1, [decision], [claim], 0)
    saved = await store.load()
    assert (saved.sequence, saved.reservations) == (1, [claim])
    content = await store.decision(decision.id)
    assert decision_from(risk_pb2.Decision.FromString(content)) == decision
    ended = replace(claim, final_sequence=2)
    await store.save_log(1, 2, [], [ended], 1)
    assert (await store.load()).reservations == [ended]
    await store.save_log(2, 3, [], [], 2)
    assert (await store.load()).reservations == []


async def test_a_crash_inside_the_transaction_leaves_nothing(
    store: Store, pool: asyncpg.Pool
) -> None:
    """When the claims cannot be stored, neither are the decisions, and the cursor stays."""
    decision, claim = decided(100)
    async with pool.acquire() as owner:
        await owner.execute("SET ROLE NONE")
        await owner.execute(
            "ALTER TABLE risk.reservation ADD CONSTRAINT broken CHECK (client_order_id = '')"
        )
    with pytest.raises(asyncpg.CheckViolationError):
        await store.save_log(0, 1, [decision], [claim], 0)
    saved = await store.load()
    assert (saved.sequence, saved.reservations) == (0, [])
    with pytest.raises(NotFound):
        await store.decision(decision.id)


async def test_a_second_writer_is_refused(store: Store) -> None:
    """A cursor that is not where it was left belongs to somebody else."""
    await store.save_log(0, 5, [], [], 0)
    with pytest.raises(Precondition) as caught:
        await store.save_log(4, 6, [], [], 0)
    assert caught.value.code == "CURSOR_MOVED"


async def test_decisions_are_listed_newest_first_in_pages(store: Store) -> None:
    """Filters and pages give each decision once."""
    rows = [decided(100 if n % 2 else 5_000, f"c{n}", n)[0] for n in range(6)]
    await store.save_log(0, 6, rows, [], 0)
    first = await store.decisions(DecisionFilter(), 4)
    place = (first[-1][0], first[-1][1])
    rest = await store.decisions(DecisionFilter(after_row=place), 4)
    listed = [row_id for _, row_id, _ in [*first, *rest]]
    assert listed == [row.id for row in reversed(rows)]
    refused = await store.decisions(DecisionFilter(refused_only=True), 10)
    assert [row_id for _, row_id, _ in refused] == [rows[4].id, rows[2].id, rows[0].id]
    assert await store.decisions(DecisionFilter(symbol="GLOBEX"), 10) == []
    assert len(await store.decisions(DecisionFilter(strategy_id="trend"), 10)) == 6


async def test_a_signal_id_that_is_no_uuid_does_not_stop_the_log(store: Store) -> None:
    """Ids of others are taken as they are; the decision is stored all the same."""
    decision, _ = decided(1)
    await store.save_log(0, 1, [replace(decision, signal_id="mine-1")], [], 0)
    content = await store.decision(decision.id)
    assert risk_pb2.Decision.FromString(content).signal_id == "mine-1"
    with pytest.raises(NotFound):
        await store.decision("no-uuid")


async def test_limits_change_with_history_and_revision(store: Store) -> None:
    """A change is kept with who, why and what was before; a stale revision is refused."""
    scope = LimitScope(symbol="ACME")
    first = Limits(max_position_share=Decimal("0.10"), symbol_blacklist=("X", "Y"))
    sizing = Sizing(SizingMethod.FIXED_QTY, fixed_qty=Decimal("2.5"))
    second = replace(first, allow_short=True, sizing=sizing, max_open_orders=3)
    call = Request(str(uuid.uuid4()), "UpdateLimits", b"hash")
    await store.save_limits(StoredLimits(scope, first, 1, "ada", NOW), None, "why", call, b"one")
    await store.save_limits(StoredLimits(scope, second, 2, "bob", NOW), first, "more", None, b"")
    with pytest.raises(Precondition) as caught:
        await store.save_limits(StoredLimits(scope, first, 2, "eve", NOW), first, "", None, b"")
    assert caught.value.code == "REVISION_CHANGED"
    (row,) = (await store.load()).limits
    assert (row.limits, row.revision, row.changed_by) == (second, 2, "bob")
    newest, oldest = await store.limit_changes(None, 10)
    assert (newest.before, newest.after, newest.reason) == (first, second, "more")
    assert (oldest.before, oldest.changed_by) == (None, "ada")
    assert await store.limit_changes(newest.id, 10) == [oldest]


async def test_a_request_is_answered_once(store: Store) -> None:
    """The same request gets the stored answer, another one with its id is refused."""
    call = Request(str(uuid.uuid4()), "Resume", b"hash")
    assert await store.answer(call) is None
    await store.save_answer(call, b"done")
    assert await store.answer(call) == b"done"
    with pytest.raises(Conflict) as caught:
        await store.answer(replace(call, body_hash=b"other"))
    assert caught.value.code == "REQUEST_ID_REUSED"
    assert await store.answer(None) is None


async def test_the_newest_mode_stands(store: Store) -> None:
    """A mode that was delayed on its way does not replace a newer one."""
    halted = ModeState(TradingMode.HALTED, "loss", "ada", NOW, 4)
    await store.save_mode(halted)
    await store.save_mode(ModeState(TradingMode.ACTIVE, "late", "bob", NOW, 3))
    assert (await store.load()).mode == halted


async def test_a_day_keeps_its_highest_beginning(store: Store) -> None:
    """The day's loss is counted from the highest beginning that was ever reported."""
    day = DayRecord("main", date(2026, 1, 2), Decimal(100), Decimal(110))
    await store.save_days([day])
    await store.save_days([replace(day, start_equity=Decimal(90), high_equity=Decimal(120))])
    assert (await store.load()).days == [replace(day, high_equity=Decimal(120))]
