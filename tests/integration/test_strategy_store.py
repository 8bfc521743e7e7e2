"""The strategy service's tables: outcomes, resuming streams, idempotent changes."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest
from pi5.api.strategy.v1 import strategy_service_pb2 as pb
from pi5.domain.errors import Conflict, InvalidInput, NotFound
from pi5.domain.order import Side
from pi5.domain.signal import Signal
from pi5.kit.database import open_pool
from pi5.strategy.signals import FAILED, ORDERED, PENDING, REFUSED, Outcome, SignalFilter
from pi5.strategy.store import Row, Store

pytestmark = pytest.mark.integration
NOW_NS = 1_700_000_000_000_000_000


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    pool = await open_pool(database, "strategy", 4)
    yield Store(pool)
    pool.terminate()


def signal(number: int = 1, **changes: object) -> Signal:
    base = Signal(
        id=str(uuid.UUID(int=number)),
        strategy_id="one",
        symbol="ACME",
        side=Side.BUY,
        strength=0.5,
        confidence=0.25,
        reason="because",
        reference_price=Decimal("10.01"),
        event_time_ns=NOW_NS - 5,
        created_at_ns=NOW_NS + number * 1_000_000,
        inputs={"fast": 1.5},
    )
    return replace(base, **changes)


def row(**changes: object) -> Row:
    base = Row(
        id="one", type="ma-crossover", symbols=("ACME",), timeframe=8,
        parameters={"fast": "10"}, enabled=True, desired_state=1, signal_count=0, restarts=0,
        last_error="", revision=1, created_at_ns=NOW_NS, updated_at_ns=NOW_NS,
        last_signal_at_ns=0,
    )  # fmt: skip
    return replace(base, **changes)


async def insert(store: Store, **changes: object) -> None:
    async with store._pool.acquire() as connection:
        await store.insert(row(**changes), connection)


async def test_a_signal_comes_back_as_it_was(store: Store) -> None:
    """Nothing of a signal is lost or rounded on its way through the table."""
    await insert(store)
    await store.signals.add([signal()])
    (record,) = await store.signals.page(SignalFilter(), 10)
    assert record.signal == signal()
    assert record.outcome.outcome == PENDING
    counted = await store.row("one")
    assert (counted.signal_count, counted.last_signal_at_ns) == (1, signal().created_at_ns)


async def test_evidence_overrides_a_failure_but_nothing_overrides_evidence(store: Store) -> None:
    """ "Failed" means that no answer was heard; what the order log says is true."""
    await store.signals.add([signal()])
    key, order = signal().id, str(uuid.UUID(int=77))
    assert await store.signals.set_outcomes([Outcome(key, FAILED, reject_code="X")]) == [key]
    assert await store.signals.set_outcomes([Outcome(key, FAILED, reject_code="Y")]) == []
    assert await store.signals.set_outcomes([Outcome(key, ORDERED, order_id=order)], 9) == [key]
    for late in (Outcome(key, FAILED), Outcome(key, REFUSED, reject_code="Z")):
        assert await store.signals.set_outcomes([late]) == []
    (record,) = await store.signals.page(SignalFilter(), 10)
    assert (record.outcome.outcome, record.outcome.order_id) == (ORDERED, order)
    assert await store.signals.order_log_sequence() == 9


async def test_a_change_of_outcome_gets_a_new_sequence(store: Store) -> None:
    """A stream that resumes after the signal still sees what became of it."""
    await store.signals.add([signal(1), signal(2)])
    seen = (await store.signals.after(0, 10))[-1].sequence
    await store.signals.set_outcomes([Outcome(signal(1).id, REFUSED, reject_code="NO_CASH")])
    (again,) = await store.signals.after(seen, 10)
    assert (again.signal.id, again.outcome.reject_code) == (signal(1).id, "NO_CASH")
    assert await store.signals.last_sequence() == again.sequence


async def test_fills_are_counted_once_for_each_order(store: Store) -> None:
    """Two fills of one order make one filled order."""
    await store.signals.add([signal(1), signal(2)])
    filled = Outcome(signal(1).id, ORDERED, filled=True)
    await store.signals.set_outcomes([filled, filled])
    await store.signals.set_outcomes([filled])
    assert await store.signals.filled_orders("one") == 1


async def test_signals_are_paged_newest_first_and_filtered(store: Store) -> None:
    """The key of the last row leads to the next page; filters hold."""
    await store.signals.add([signal(n) for n in range(1, 6)])
    await store.signals.add([signal(9, strategy_id="two", symbol="GLOBEX")])
    first = await store.signals.page(SignalFilter(strategy_id="one"), 2)
    key = (first[-1].signal.created_at_ns, first[-1].signal.id)
    second = await store.signals.page(SignalFilter(strategy_id="one", after_key=key), 10)
    ids = [record.signal.id for record in (*first, *second)]
    assert ids == [signal(n).id for n in (5, 4, 3, 2, 1)]
    (only,) = await store.signals.page(SignalFilter(symbol="GLOBEX"), 10)
    assert only.signal.strategy_id == "two"
    before = SignalFilter(before_ns=signal(2).created_at_ns)
    assert [r.signal.id for r in await store.signals.page(before, 10)] == [signal(1).id]


async def test_what_was_on_its_way_in_a_crash_is_failed_at_the_start(store: Store) -> None:
    """No signal stays pending for ever."""
    await store.signals.add([signal(1), signal(2)])
    await store.signals.set_outcomes([Outcome(signal(2).id, ORDERED)])
    assert await store.signals.fail_pending("it ended") == 1
    records = {r.signal.id: r.outcome for r in await store.signals.page(SignalFilter(), 10)}
    assert records[signal(1).id].reject_code == "EXECUTION_UNAVAILABLE"
    assert records[signal(2).id].outcome == ORDERED


async def test_configured_instances_are_created_once(store: Store) -> None:
    """What a person deleted does not come back with the next start."""
    await store.create_configured([row()])
    async with store._pool.acquire() as connection:
        await store.delete("one", connection)
    await store.create_configured([row()])
    assert await store.rows() == []


async def test_a_request_is_answered_once_and_its_answer_kept(store: Store) -> None:
    """The same request id gives the stored answer; other content is refused."""
    request = pb.StopStrategyRequest(request_id=str(uuid.UUID(int=5)), id="one")
    calls = []

    async def change(connection):
        calls.append(1)
        return pb.StopStrategyResponse(strategy={"id": "one", "revision": len(calls)})

    first = await store.once(request, pb.StopStrategyResponse, change)
    assert await store.once(request, pb.StopStrategyResponse, change) == first
    assert calls == [1]
    other = pb.StopStrategyRequest(request_id=request.request_id, id="two")
    with pytest.raises(Conflict) as caught:
        await store.once(other, pb.StopStrategyResponse, change)
    assert caught.value.code == "IDEMPOTENCY_KEY_REUSED"
    bad = pb.StopStrategyRequest(request_id="7", id="one")
    with pytest.raises(InvalidInput):
        await store.once(bad, pb.StopStrategyResponse, change)


async def test_a_change_that_fails_leaves_no_answer(store: Store) -> None:
    """A refused request may be sent again with the same id once it can succeed."""
    request = pb.StopStrategyRequest(request_id=str(uuid.UUID(int=6)), id="one")

    async def refuse(connection):
        raise NotFound("UNKNOWN_STRATEGY", "not there")

    async def succeed(connection):
        return pb.StopStrategyResponse()

    with pytest.raises(NotFound):
        await store.once(request, pb.StopStrategyResponse, refuse)
    await store.once(request, pb.StopStrategyResponse, succeed)
