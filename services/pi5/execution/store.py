"""All SQL of execution: the sender's lock, what recovery reads, and the lists people ask for.

The one statement that writes the order path is in `eventlog.py`'s batch and built here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from pi5.api.execution.v1 import execution_pb2
from pi5.domain.broker import Discrepancy
from pi5.domain.order import Fill, Order, OrderEventType, Side
from pi5.execution.memory import Entry
from pi5.kit.database import Connection, Pool
from pi5.kit.wire.orders import event_from, order_from
from pi5.kit.wire.times import from_datetime, to_datetime

STREAM = "orders"
# Any constant will do, as long as nothing else in the database uses it.
SENDER_LOCK = 0x70693565786563
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_OPEN = "(1, 2, 3, 5, 7, 11)"


@dataclass(frozen=True, slots=True)
class Head:
    """The newest event of the log, and the epoch that its writer must hold."""

    sequence: int
    epoch: int
    hash: bytes


async def try_become_sender(connection: Connection[Any]) -> Head | None:
    """Take the sender's lock and a new epoch; None while another process holds the lock.

    The lock lives as long as the connection. The epoch makes sure: a sender that lost its lock
    without noticing can commit nothing any more.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", SENDER_LOCK):
        return None
    row = await connection.fetchrow(
        "INSERT INTO stream_head (stream, seq, epoch, hash) VALUES ($1, 0, 1, $2)"
        " ON CONFLICT (stream) DO UPDATE SET epoch = stream_head.epoch + 1"
        " RETURNING seq, epoch, hash",
        STREAM,
        bytes(32),
    )
    assert row is not None, "an upsert returns its row"
    return Head(row["seq"], row["epoch"], row["hash"])


async def head_sequence(pool: Pool[Any]) -> int:
    """Return the number of the newest event; 0 before the first."""
    query = "SELECT seq FROM stream_head WHERE stream = $1"
    return int(await pool.fetchval(query, STREAM) or 0)


async def events_after(pool: Pool[Any], sequence: int, most: int) -> list[execution_pb2.OrderEvent]:
    """Return the events after a sequence, in order."""
    rows = await pool.fetch(
        "SELECT payload, hash FROM event WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        STREAM,
        sequence,
        most,
    )
    return [_event(row) for row in rows]


async def events_of_order(pool: Pool[Any], order_id: str) -> list[execution_pb2.OrderEvent]:
    """Return the newest 1,000 events of one order, oldest first."""
    rows = await pool.fetch(
        "SELECT payload, hash FROM event WHERE order_id = $1 ORDER BY seq DESC LIMIT 1000",
        order_id,
    )
    return [_event(row) for row in reversed(rows)]


def _event(row: Any) -> execution_pb2.OrderEvent:
    event = execution_pb2.OrderEvent.FromString(row["payload"])
    event.hash = row["hash"].hex()
    return event


# ---------------------------------------------------------------- recovery


async def open_entries(pool: Pool[Any]) -> list[Entry]:
    """Return all open orders with their fills, whether their intents are settled, oldest first."""
    rows = await pool.fetch(
        "SELECT id, filled_notional, content FROM orders"
        f" WHERE status IN {_OPEN} ORDER BY created_at, id"
    )
    return await _entries(pool, rows)


async def entry_of(pool: Pool[Any], client_order_id: str) -> Entry | None:
    """Return one order by its client order id, open or closed."""
    rows = await pool.fetch(
        "SELECT id, filled_notional, content FROM orders WHERE client_order_id = $1",
        client_order_id,
    )
    return next(iter(await _entries(pool, rows)), None)


async def _entries(pool: Pool[Any], rows: Sequence[Any]) -> list[Entry]:
    ids = [row["id"] for row in rows]
    fills: dict[Any, dict[str, tuple[Decimal, Decimal]]] = {}
    for fill in await pool.fetch(
        "SELECT order_id, venue_exec_id, qty, price FROM fill WHERE order_id = ANY($1)", ids
    ):
        of_order = fills.setdefault(fill["order_id"], {})
        of_order[fill["venue_exec_id"]] = (fill["qty"], fill["price"])
    unsettled = await pool.fetch(
        "SELECT order_id FROM intent WHERE settled_at IS NULL AND order_id = ANY($1)", ids
    )
    open_intents = {row["order_id"] for row in unsettled}
    references = await _references(pool, ids)
    return [
        Entry(
            order=_order(row),
            reference_price=references.get(row["id"]),
            settled=row["id"] not in open_intents,
            executions=fills.get(row["id"], {}),
        )
        for row in rows
    ]


async def _references(pool: Pool[Any], ids: list[Any]) -> dict[Any, Decimal | None]:
    """Return what slippage is measured against, from each order's first event."""
    rows = await pool.fetch(
        "SELECT order_id, payload, hash FROM event WHERE order_id = ANY($1) AND type = $2",
        ids,
        int(OrderEventType.PENDING_NEW),
    )
    found: dict[Any, Decimal | None] = {}
    for row in rows:
        event = event_from(_event(row))
        price = event.signal.reference_price if event.signal else None
        found[row["order_id"]] = price or (event.decision.mark_price if event.decision else None)
    return found


def _order(row: Any) -> Order:
    """Read an order; its notional comes from the column, where it is exact."""
    order = order_from(execution_pb2.Order.FromString(row["content"]))
    return replace(order, filled_notional=row["filled_notional"])


async def params_hash(pool: Pool[Any], client_order_id: str) -> bytes | None:
    """Return what identifies the terms that a client order id was first used with."""
    found: bytes | None = await pool.fetchval(
        "SELECT params_hash FROM orders WHERE client_order_id = $1", client_order_id
    )
    return found


async def last_change_ns(pool: Pool[Any]) -> int:
    """Return when an order was last changed or the oldest open one made, whichever is older."""
    newest = await pool.fetchval(
        "SELECT max(ts) FROM (SELECT ts FROM event WHERE stream = $1"
        " ORDER BY seq DESC LIMIT 1) AS last",
        STREAM,
    )
    oldest = await pool.fetchval(f"SELECT min(created_at) FROM orders WHERE status IN {_OPEN}")
    times = [from_datetime(time) for time in (newest, oldest) if time is not None]
    return min(times, default=0)


async def positions_at(pool: Pool[Any], broker: str) -> dict[str, Decimal]:
    """Return the quantity held by symbol, from the fills of one broker's orders."""
    rows = await pool.fetch(
        "SELECT fill.symbol, sum(CASE fill.side WHEN $2 THEN fill.qty ELSE -fill.qty END) AS qty"
        " FROM fill JOIN orders ON orders.id = fill.order_id WHERE orders.broker = $1"
        " GROUP BY fill.symbol",
        broker,
        int(Side.BUY),
    )
    return {row["symbol"]: row["qty"] for row in rows}


async def add_discrepancies(pool: Pool[Any], found: Sequence[Discrepancy]) -> None:
    """Keep differences; one that is kept already stays as it is."""
    await pool.executemany(
        "INSERT INTO discrepancy (id, broker, code, ours, theirs, order_id, symbol, found_at,"
        " resolution) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        [
            (d.id, d.broker, d.code, d.ours, d.theirs, d.order_id or None, d.symbol,
             to_datetime(d.found_at_ns), d.resolution)
            for d in found
        ],
    )  # fmt: skip


def is_uuid(text: str) -> bool:
    """Tell whether a text can be compared with an id."""
    return _UUID.fullmatch(text) is not None


# ---------------------------------------------------------------- lists


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """Which orders; empty fields ask for all. Times in ns since 1970."""

    working: bool | None = None
    symbols: tuple[str, ...] = ()
    side: int = 0
    strategy_id: str = ""
    after_ns: int = 0
    until_ns: int = 0


async def list_orders(
    pool: Pool[Any], query: OrderQuery, before: list[Any] | None, most: int
) -> list[execution_pb2.Order]:
    """Return orders, newest first, older than the key of a page's last row."""
    where: list[str] = ["true"]
    values: list[Any] = []

    def add(clause: str, *given: Any) -> None:
        numbers = range(len(values) + 1, len(values) + 1 + len(given))
        where.append(clause.format(*(f"${n}" for n in numbers)))
        values.extend(given)

    if query.working is not None:
        where.append(f"status {'' if query.working else 'NOT '}IN {_OPEN}")
    if query.symbols:
        add("symbol = ANY({})", list(query.symbols))
    if query.side:
        add("side = {}", query.side)
    if query.strategy_id:
        add("strategy_id = {}", query.strategy_id)
    if query.after_ns:
        add("created_at > {}", to_datetime(query.after_ns))
    if query.until_ns:
        add("created_at < {}", to_datetime(query.until_ns))
    if before is not None:
        add("(created_at, id) < ({}, {})", to_datetime(int(before[0])), str(before[1]))
    # Only constants of this module and numbers of parameters are put into the text.
    rows = await pool.fetch(
        f"SELECT content FROM orders WHERE {' AND '.join(where)}"
        f" ORDER BY created_at DESC, id DESC LIMIT {int(most)}",
        *values,
    )
    return [execution_pb2.Order.FromString(row["content"]) for row in rows]


async def find_order(pool: Pool[Any], any_id: str) -> execution_pb2.Order | None:
    """Return an order by its id or its client order id."""
    content = None
    if is_uuid(any_id):
        content = await pool.fetchval("SELECT content FROM orders WHERE id = $1", any_id)
    if content is None:
        content = await pool.fetchval(
            "SELECT content FROM orders WHERE client_order_id = $1", any_id
        )
    return execution_pb2.Order.FromString(content) if content is not None else None


async def list_fills(
    pool: Pool[Any],
    order_id: str,
    symbol: str,
    strategy_id: str,
    before: list[Any] | None,
    most: int,
) -> list[Fill]:
    """Return fills, newest first, older than the key of a page's last row."""
    last = (to_datetime(int(before[0])), str(before[1]), str(before[2])) if before else None
    rows = await pool.fetch(
        "SELECT * FROM fill WHERE ($1::uuid IS NULL OR order_id = $1) AND ($2 = '' OR symbol = $2)"
        " AND ($3 = '' OR strategy_id = $3)"
        " AND ($4::timestamptz IS NULL OR time < $4"
        "      OR (time = $4 AND (account, venue_exec_id) > ($5, $6)))"
        " ORDER BY time DESC, account, venue_exec_id LIMIT $7",
        order_id or None,
        symbol,
        strategy_id,
        *(last or (None, "", "")),
        most,
    )
    return [_fill(row) for row in rows]


def _fill(row: Any) -> Fill:
    return Fill(
        execution_id=row["venue_exec_id"],
        order_id=str(row["order_id"]),
        client_order_id=row["client_order_id"],
        account=row["account"],
        strategy_id=row["strategy_id"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        qty=row["qty"],
        price=row["price"],
        fee=row["fee"],
        currency=row["currency"],
        time_ns=from_datetime(row["time"]),
        inferred=row["inferred"],
        reference_price=row["reference_price"],
    )


async def list_discrepancies(
    pool: Pool[Any], before: list[Any] | None, most: int
) -> list[Discrepancy]:
    """Return differences, newest first, older than the key of a page's last row."""
    rows = await pool.fetch(
        "SELECT * FROM discrepancy"
        " WHERE $1::timestamptz IS NULL OR (found_at, id) < ($1, $2::uuid)"
        " ORDER BY found_at DESC, id DESC LIMIT $3",
        to_datetime(int(before[0])) if before else None,
        str(before[1]) if before else None,
        most,
    )
    return [
        Discrepancy(
            id=str(row["id"]),
            broker=row["broker"],
            code=row["code"],
            ours=row["ours"],
            theirs=row["theirs"],
            found_at_ns=from_datetime(row["found_at"]),
            order_id=str(row["order_id"] or ""),
            symbol=row["symbol"],
            resolution=row["resolution"],
        )
        for row in rows
    ]
