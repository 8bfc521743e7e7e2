"""The event log's one writer: what happened to orders, committed in groups, numbered and chained.

Whoever has effects appends them and waits. The writer takes what has gathered while the last
commit was under way (at most BATCH_MOST) and commits it in one statement, so a batch costs one
round trip and one flush to disk however many callers wait for it. Nothing waits for company: the
longest wait for a commit to begin is the one that is under way.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from pi5.api.execution.v1 import execution_pb2
from pi5.domain.errors import Fault, Unavailable
from pi5.domain.order import Fill, Order, OrderTerms
from pi5.execution.effects import Effects, Intent
from pi5.execution.store import STREAM, Head
from pi5.kit import failpoints
from pi5.kit.database import Connection
from pi5.kit.metrics import QUERY_SECONDS, QUEUE_DEPTH
from pi5.kit.wire.orders import event_to, order_to
from pi5.kit.wire.times import to_datetime
from pi5.kit.wire.trading import terms_to

BATCH_MOST = 100
QUEUE_MOST = 1_000
TAIL_MOST = 4_096
# How often an idle writer makes sure that it still has its connection, and with it the lock.
IDLE_PROBE_S = 1.0


class SenderLost(Fault):
    """This process is not the sender any more; nothing may be sent."""


class Tail:
    """The newest events in memory, and a wake-up for those who follow them."""

    def __init__(self) -> None:
        self._events: deque[execution_pb2.OrderEvent] = deque(maxlen=TAIL_MOST)
        self._changed = asyncio.Event()

    def publish(self, events: Sequence[execution_pb2.OrderEvent]) -> None:
        """Add committed events and wake all who wait."""
        self._events.extend(events)
        self._changed.set()
        self._changed = asyncio.Event()

    def restart(self) -> None:
        """Forget everything: another process may have written meanwhile."""
        self._events.clear()
        self._changed.set()
        self._changed = asyncio.Event()

    def changed(self) -> asyncio.Event:
        """Return the event that the next publish sets; take it before looking."""
        return self._changed

    def after(self, sequence: int, most: int) -> list[execution_pb2.OrderEvent] | None:
        """Return the events after a sequence; None when memory does not reach back so far."""
        if not self._events or self._events[0].sequence > sequence + 1:
            return None
        start = sequence + 1 - self._events[0].sequence
        return [self._events[i] for i in range(start, min(start + most, len(self._events)))]


@dataclass(slots=True)
class _Waiting:
    effects: Effects
    done: asyncio.Future[None]


class EventLog:
    """Commits effects; ends with a fault when this process can no longer be the sender."""

    def __init__(self, connection: Connection[Any], head: Head, tail: Tail) -> None:
        self._connection = connection
        self._head = head
        self._tail = tail
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(QUEUE_MOST)
        self._failure: BaseException | None = None

    @property
    def epoch(self) -> int:
        """Number of this sender among all there ever were."""
        return self._head.epoch

    async def append(self, effects: Effects) -> asyncio.Future[None]:
        """Hand effects to the writer; the future is done when they are committed.

        Appends keep their order. Waits while the queue is full.

        Raises:
            Unavailable: DATABASE_LOST.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_look_at)
        if not effects.stored:
            done.set_result(None)
            return done
        if self._failure is not None:
            raise _lost(self._failure)
        await self._queue.put(_Waiting(effects, done))
        QUEUE_DEPTH.labels("execution_commits").set(self._queue.qsize())
        return done

    async def commit(self, effects: Effects) -> None:
        """Hand effects to the writer and wait until they are committed.

        Raises:
            Unavailable: DATABASE_LOST; whether they were committed shows after the restart.
        """
        await (await self.append(effects))

    async def run(self) -> None:
        """Write batches until the connection or the epoch is lost.

        Raises:
            SenderLost: SENDER_SUPERSEDED.
            asyncpg.PostgresError, OSError: the connection is lost.
        """
        batch: list[_Waiting] = []
        try:
            while True:
                batch = await self._take()
                if batch:
                    await self._write(batch)
                else:
                    await self._connection.fetchval("SELECT 1", timeout=5.0)
        except BaseException as error:
            self._failure = error
            waiting = [*batch, *(self._queue.get_nowait() for _ in range(self._queue.qsize()))]
            for item in waiting:
                if not item.done.done():
                    item.done.set_exception(_lost(error))
            raise

    async def _take(self) -> list[_Waiting]:
        """Return what waits; empty when nothing came for a while."""
        try:
            first = await asyncio.wait_for(self._queue.get(), IDLE_PROBE_S)
        except TimeoutError:
            return []
        batch = [first]
        while len(batch) < BATCH_MOST and not self._queue.empty():
            batch.append(self._queue.get_nowait())
        QUEUE_DEPTH.labels("execution_commits").set(self._queue.qsize())
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        all_effects = [item.effects for item in batch]
        head, events, arguments = _arguments(self._head, all_effects)
        failpoints.hit("before_commit")
        with QUERY_SECONDS.labels("execution_commit").time():
            written = await self._connection.fetchval(_WRITE, *arguments)
        if written != 1:
            raise SenderLost(
                "SENDER_SUPERSEDED", "another execution process has taken over; this one stops"
            )
        self._head = head
        self._tail.publish(events)
        for item in batch:
            item.done.set_result(None)


def _lost(error: BaseException) -> Unavailable:
    return Unavailable(
        "DATABASE_LOST",
        f"the database was lost ({type(error).__name__}); ask for the order by its client id",
        retry_after_s=2.0,
    )


def _look_at(done: asyncio.Future[None]) -> None:
    """Take note of a failure nobody waited for; the writer's own end tells of it."""
    if not done.cancelled():
        done.exception()


# ---------------------------------------------------------------- the one statement

_EVENT = {
    "seq": "bigint", "id": "uuid", "type": "smallint", "ts": "timestamptz", "causation": "text",
    "order_id": "uuid", "payload": "bytea", "prev_hash": "bytea", "hash": "bytea",
}  # fmt: skip
_ORDER = {
    "id": "uuid", "client_order_id": "text", "params_hash": "bytea", "account": "text",
    "strategy_id": "text", "symbol": "text", "side": "smallint", "type": "smallint",
    "time_in_force": "smallint", "qty": "numeric", "limit_price": "numeric",
    "stop_price": "numeric", "status": "smallint", "filled_qty": "numeric",
    "filled_notional": "numeric", "fees": "numeric", "broker": "text", "broker_order_id": "text",
    "signal_id": "uuid", "decision_id": "uuid", "reject_code": "text", "reject_reason": "text",
    "content": "bytea", "created_at": "timestamptz", "updated_at": "timestamptz",
    "submitted_at": "timestamptz", "filled_at": "timestamptz", "canceled_at": "timestamptz",
}  # fmt: skip
_INTENT = {
    "client_id": "text", "order_id": "uuid", "action": "smallint", "state": "smallint",
    "epoch": "bigint", "params_hash": "bytea", "created_at": "timestamptz",
    "sent_at": "timestamptz", "settled_at": "timestamptz",
}  # fmt: skip
_FILL = {
    "account": "text", "venue_exec_id": "text", "order_id": "uuid", "client_order_id": "text",
    "strategy_id": "text", "symbol": "text", "side": "smallint", "qty": "numeric",
    "price": "numeric", "fee": "numeric", "currency": "text", "time": "timestamptz",
    "inferred": "boolean", "reference_price": "numeric",
}  # fmt: skip
_ORDER_CHANGES = (
    "status", "filled_qty", "filled_notional", "fees", "broker_order_id", "reject_code",
    "reject_reason", "content", "updated_at", "submitted_at", "filled_at", "canceled_at",
)  # fmt: skip
_INTENT_CHANGES = ("state", "sent_at", "settled_at")
_ACTION_PLACE = 1


def _insert(table: str, columns: dict[str, str], first: int, extra: str = "") -> str:
    """Return an INSERT of rows given as one array a column; nothing without the head's row."""
    names = ", ".join(columns)
    arrays = ", ".join(f"${first + i}::{kind}[]" for i, kind in enumerate(columns.values()))
    # Only constants of this module are put into the text.
    return (
        f"INSERT INTO {table} ({names}) SELECT rows.* FROM head, "
        f"unnest({arrays}) AS rows({names}) {extra}"
    )


def _upsert(key: str, changes: Sequence[str]) -> str:
    assignments = ", ".join(f"{name} = EXCLUDED.{name}" for name in changes)
    return f"ON CONFLICT ({key}) DO UPDATE SET {assignments}"


def _statement() -> str:
    """Build the statement that writes a batch: one round trip, one transaction.

    The head's row is updated only by the sender whose epoch and sequence are in it; every insert
    takes its rows together with that row, so without it nothing at all is written.
    """
    first = 6
    parts = []
    for name, table, columns, extra in (
        ("events", "event", {"stream": "text", **_EVENT}, ""),
        ("kept_orders", "orders", _ORDER, _upsert("id", _ORDER_CHANGES)),
        ("kept_intents", "intent", _INTENT, _upsert("client_id", _INTENT_CHANGES)),
        ("kept_fills", "fill", _FILL, ""),
    ):
        parts.append(f"{name} AS ({_insert(table, columns, first, extra)})")
        first += len(columns)
    return (
        "WITH head AS (UPDATE stream_head SET seq = $3, hash = $4"
        " WHERE stream = $1 AND epoch = $2 AND seq = $5 RETURNING 1), "
        + ", ".join(parts)
        + " SELECT count(pg_notify('execution_event', $3::text)) FROM head"
    )


_WRITE = _statement()


def _arguments(
    head: Head, batch: Sequence[Effects]
) -> tuple[Head, list[execution_pb2.OrderEvent], list[Any]]:
    """Number and chain a batch's events; return the new head, the events, the parameters."""
    events: list[execution_pb2.OrderEvent] = []
    rows: list[tuple[Any, ...]] = []
    sequence, last = head.sequence, head.hash
    for effects in batch:
        for event in effects.events:
            sequence += 1
            message = event_to(event)
            message.sequence = sequence
            payload = message.SerializeToString(deterministic=True)
            chained = hashlib.sha256(last + payload).digest()
            order_id = event.order.id if event.order else None
            rows.append(
                (STREAM, sequence, event.id, int(event.type), to_datetime(event.time_ns),
                 event.causation_id, order_id, payload, last, chained)
            )  # fmt: skip
            message.hash = chained.hex()
            events.append(message)
            last = chained
    # Of what changed several times in a batch the last state counts: one statement can write a
    # row only once.
    orders = {order.id: order for effects in batch for order in effects.orders}
    intents = {item.client_order_id: item for effects in batch for item in effects.intents}
    fills = [fill for effects in batch for fill in effects.fills]
    new = Head(sequence, head.epoch, last)
    arguments: list[Any] = [STREAM, head.epoch, sequence, last, head.sequence]
    arguments += _columns(rows, 1 + len(_EVENT))
    # Kept from the first write of an order: what a repeated request is compared with.
    asked = {o.id: e.params_hash for e in batch if e.params_hash for o in e.orders}
    order_rows = [
        _order_row(order, asked.get(order.id) or hash_of_terms(order.terms))
        for order in orders.values()
    ]
    arguments += _columns(order_rows, len(_ORDER))
    arguments += _columns(
        [_intent_row(item, head.epoch, orders) for item in intents.values()], len(_INTENT)
    )
    arguments += _columns([_fill_row(fill) for fill in fills], len(_FILL))
    return new, events, arguments


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[Any]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * width


def hash_of_terms(terms: OrderTerms) -> bytes:
    """Return what tells the terms of two orders with the same client order id apart."""
    return hashlib.sha256(terms_to(terms).SerializeToString(deterministic=True)).digest()


def _order_row(order: Order, params_hash: bytes) -> tuple[Any, ...]:
    terms = order.terms
    times = (order.submitted_at_ns, order.filled_at_ns, order.canceled_at_ns)
    return (
        order.id, terms.client_order_id, params_hash, terms.account, terms.strategy_id,
        terms.symbol, int(terms.side), int(terms.type), int(terms.time_in_force), order.qty,
        terms.limit_price, terms.stop_price, int(order.status), order.filled_qty,
        order.filled_notional, order.fees, order.broker, order.broker_order_id,
        order.signal_id or None, order.decision_id or None, order.reject_code,
        order.reject_reason, order_to(order).SerializeToString(),
        to_datetime(order.created_at_ns), to_datetime(order.updated_at_ns),
        *(to_datetime(time) if time else None for time in times),
    )  # fmt: skip


def _intent_row(intent: Intent, epoch: int, orders: dict[str, Order]) -> tuple[Any, ...]:
    order = orders.get(intent.order_id)
    submitted = order.submitted_at_ns if order else 0
    settled = intent.settled_at_ns
    return (
        intent.client_order_id, intent.order_id, _ACTION_PLACE, int(intent.state), epoch,
        hash_of_terms(order.terms) if order else b"", to_datetime(intent.created_at_ns),
        to_datetime(submitted) if submitted else None, to_datetime(settled) if settled else None,
    )  # fmt: skip


def _fill_row(fill: Fill) -> tuple[Any, ...]:
    return (
        fill.account, fill.execution_id, fill.order_id, fill.client_order_id, fill.strategy_id,
        fill.symbol, int(fill.side), fill.qty, fill.price, fill.fee, fill.currency,
        to_datetime(fill.time_ns), fill.inferred, fill.reference_price,
    )  # fmt: skip


LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)
