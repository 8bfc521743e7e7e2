"""All SQL of the data service. Prices and sizes are whole numbers of the instrument's scales."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from pi5.data.quality import RejectedRow
from pi5.data.recent import BarRow, row_of
from pi5.domain.errors import Conflict, Unavailable
from pi5.domain.instrument import AssetClass, Instrument
from pi5.domain.market import Bar, Timeframe
from pi5.domain.money import from_ticks
from pi5.kit.database import LOST, Connection, Pool
from pi5.kit.metrics import QUERY_SECONDS
from pi5.kit.wire.times import from_datetime, to_datetime

# A temporary table costs a few catalogue rows, so small batches go without.
_COPY_ROWS_MIN = 500
_ACQUIRE_S = 5.0
QUARANTINED_ROWS_MAX = 100_000
REQUEST_DAYS = 7
# How long bars built from a live feed are kept, in days; imported bars stay for ever.
RETENTION_DAYS = {Timeframe.M1: 30, Timeframe.M5: 180, Timeframe.M15: 365}
_COLUMNS = ("symbol", "timeframe", "time", "open", "high", "low", "close", "volume", "source")


@dataclass(frozen=True, slots=True)
class StoredBar:
    """A bar as it is stored, and where it came from."""

    row: BarRow
    source: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Number of quarantined rows of one kind."""

    symbol: str
    source: str
    reason: str
    count: int
    last_seen_ns: int


@dataclass(frozen=True, slots=True)
class BarRange:
    """Which stored bars: times are half open (ns); `beyond_ns` is exclusive.

    With `newest` the last rows of the range are meant, and those before `beyond_ns`; otherwise the
    first, and those after it.
    """

    symbol: str
    timeframe: Timeframe
    start_ns: int
    end_ns: int
    beyond_ns: int | None = None
    newest: bool = False


def bar_of(stored: StoredBar, instrument: Instrument, timeframe: Timeframe) -> Bar:
    """Return a stored bar with exact decimals."""
    time_ns, opened, high, low, close, volume = stored.row
    scale = instrument.price_scale
    return Bar(
        symbol=instrument.symbol,
        timeframe=timeframe,
        time_ns=time_ns,
        open=from_ticks(opened, scale),
        high=from_ticks(high, scale),
        low=from_ticks(low, scale),
        close=from_ticks(close, scale),
        volume=from_ticks(volume, instrument.size_scale),
        source=stored.source,
    )


class Store:
    """The tables of schema `data`.

    Every method raises Unavailable DATABASE_UNREACHABLE while the database is away.
    """

    def __init__(self, pool: Pool[Any]) -> None:
        self._pool = pool

    @contextlib.asynccontextmanager
    async def _connection(self, operation: str) -> AsyncIterator[Connection[Any]]:
        with QUERY_SECONDS.labels(operation).time():
            try:
                async with self._pool.acquire(timeout=_ACQUIRE_S) as connection:
                    yield cast("Connection[Any]", connection)
            except LOST as error:
                raise Unavailable(
                    "DATABASE_UNREACHABLE",
                    "the database does not answer; live data goes on, stored data comes back with "
                    "it",
                    retry_after_s=1.0,
                ) from error

    async def ping(self) -> None:
        """Ask whether the database is there."""
        async with self._connection("ping") as connection:
            await connection.execute("SELECT 1")

    async def instruments(self) -> list[Instrument]:
        """Return all instruments."""
        async with self._connection("instruments") as connection:
            rows = await connection.fetch("SELECT * FROM instrument ORDER BY symbol")
        return [
            Instrument(
                symbol=row["symbol"],
                name=row["name"],
                asset_class=AssetClass(row["asset_class"]),
                currency=row["currency"],
                venue=row["venue"],
                tick_size=row["tick_size"],
                lot_size=row["lot_size"],
                min_notional=row["min_notional"],
                margin_rate=row["margin_rate"],
                calendar=row["calendar"],
                tradable=row["tradable"],
                provider=row["provider"],
            )
            for row in rows
        ]

    async def add_instruments(self, instruments: Iterable[Instrument]) -> None:
        """Store instruments; one that is there already stays as it is."""
        async with self._connection("add_instruments") as connection:
            await _add_instruments(connection, instruments)

    async def add_bars(self, bars: Sequence[tuple[Bar, Instrument]]) -> int:
        """Store bars; one that is there already stays. Return how many were new."""
        async with self._connection("add_bars") as connection, connection.transaction():
            return await _add_bars(connection, bars)

    async def add_rejected(self, rows: Sequence[RejectedRow]) -> None:
        """Put rows into quarantine."""
        async with self._connection("add_rejected") as connection:
            await _add_rejected(connection, rows)

    async def import_bars(
        self, instrument: Instrument, bars: Sequence[Bar], rejected: Sequence[RejectedRow]
    ) -> int:
        """Store an instrument, its bars and the refused rows together; return how many were new."""
        async with self._connection("import_bars") as connection, connection.transaction():
            return await _import(connection, instrument, bars, rejected)

    async def import_once(
        self,
        request_id: str,
        body_hash: bytes,
        instrument: Instrument,
        bars: Sequence[Bar],
        rejected: Sequence[RejectedRow],
        answer: Callable[[int], bytes],
    ) -> bytes:
        """Import under a request id and return the answer; the same id returns the stored one.

        Raises:
            Conflict: IDEMPOTENCY_KEY_REUSED, when the id came with another content.
        """

        async def work(connection: Connection[Any]) -> bytes:
            return answer(await _import(connection, instrument, bars, rejected))

        async with self._connection("import_bars") as connection, connection.transaction():
            return await _once(connection, request_id, "ImportBars", body_hash, work)

    async def bars(self, wanted: BarRange, limit: int) -> list[StoredBar]:
        """Return at most `limit` stored bars, oldest first."""
        start, end = wanted.start_ns, wanted.end_ns
        if wanted.beyond_ns is not None and wanted.newest:
            end = min(end, wanted.beyond_ns)
        elif wanted.beyond_ns is not None:
            start = max(start, wanted.beyond_ns + 1_000)  # times are stored in microseconds
        order = "DESC" if wanted.newest else "ASC"
        async with self._connection("bars") as connection:
            rows = await connection.fetch(
                "SELECT time, open, high, low, close, volume, source FROM bar "
                "WHERE symbol = $1 AND timeframe = $2 AND time >= $3 AND time < $4 "
                f"ORDER BY time {order} LIMIT $5",
                wanted.symbol,
                int(wanted.timeframe),
                to_datetime(start),
                to_datetime(end),
                limit,
            )
        if wanted.newest:
            rows.reverse()
        return [
            StoredBar((from_datetime(time), opened, high, low, close, volume), source)
            for time, opened, high, low, close, volume, source in rows
        ]

    async def has_bars(self, symbol: str, timeframe: Timeframe) -> bool:
        """Tell whether there is any bar of a symbol and length."""
        async with self._connection("has_bars") as connection:
            found = await connection.fetchval(
                "SELECT EXISTS (SELECT FROM bar WHERE symbol = $1 AND timeframe = $2)",
                symbol,
                int(timeframe),
            )
        return bool(found)

    async def last_closes(self, symbols: Sequence[str], timeframe: Timeframe) -> dict[str, Decimal]:
        """Return the newest stored close of each symbol that has one."""
        async with self._connection("last_closes") as connection:
            rows = await connection.fetch(
                "SELECT wanted.symbol, newest.close, instrument.price_scale "
                "FROM unnest($1::text[]) AS wanted(symbol) JOIN instrument USING (symbol), "
                "LATERAL (SELECT close FROM bar WHERE bar.symbol = wanted.symbol "
                "AND timeframe = $2 ORDER BY time DESC LIMIT 1) AS newest",
                list(symbols),
                int(timeframe),
            )
        return {symbol: from_ticks(close, scale) for symbol, close, scale in rows}

    async def findings(self, symbol: str) -> list[Finding]:
        """Count the quarantined rows by symbol, source and reason; all symbols when empty."""
        async with self._connection("findings") as connection:
            rows = await connection.fetch(
                "SELECT symbol, source, reason, count(*), max(received_at) FROM quarantine "
                "WHERE $1 = '' OR symbol = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
                symbol,
            )
        return [
            Finding(name, source, reason, count, from_datetime(last))
            for name, source, reason, count, last in rows
        ]

    async def rejected(
        self, symbol: str, before_id: int | None, limit: int
    ) -> list[tuple[int, RejectedRow]]:
        """Return quarantined rows with their ids, newest first; all symbols when empty."""
        async with self._connection("rejected") as connection:
            rows = await connection.fetch(
                "SELECT id, symbol, source, reason, detail, content, received_at, line "
                "FROM quarantine WHERE ($1 = '' OR symbol = $1) AND ($2::bigint IS NULL OR id < $2)"
                " ORDER BY id DESC LIMIT $3",
                symbol,
                before_id,
                limit,
            )
        return [
            (
                row["id"],
                RejectedRow(
                    symbol=row["symbol"],
                    source=row["source"],
                    reason=row["reason"],
                    detail=row["detail"],
                    content=row["content"],
                    received_at_ns=from_datetime(row["received_at"]),
                    line=row["line"],
                ),
            )
            for row in rows
        ]

    async def forget_old(self, live_symbols: Sequence[str], source: str, now_ns: int) -> None:
        """Delete what has outlived its use: live bars, quarantined rows and request ids."""
        day_ns = 86_400_000_000_000
        async with self._connection("forget_old") as connection:
            for timeframe, days in RETENTION_DAYS.items():
                await connection.execute(
                    "DELETE FROM bar WHERE symbol = ANY($1) AND timeframe = $2 AND time < $3 "
                    "AND source = $4",
                    list(live_symbols),
                    int(timeframe),
                    to_datetime(now_ns - days * day_ns),
                    source,
                )
            await connection.execute(
                "DELETE FROM quarantine WHERE id <= (SELECT id FROM quarantine "
                "ORDER BY id DESC OFFSET $1 LIMIT 1)",
                QUARANTINED_ROWS_MAX,
            )
            await connection.execute(
                "DELETE FROM request WHERE created_at < $1",
                to_datetime(now_ns - REQUEST_DAYS * day_ns),
            )


async def _import(
    connection: Connection[Any],
    instrument: Instrument,
    bars: Sequence[Bar],
    rejected: Sequence[RejectedRow],
) -> int:
    await _add_instruments(connection, [instrument])
    stored = await _add_bars(connection, [(bar, instrument) for bar in bars])
    await _add_rejected(connection, rejected)
    return stored


async def _once(
    connection: Connection[Any],
    request_id: str,
    method: str,
    body_hash: bytes,
    work: Callable[[Connection[Any]], Awaitable[bytes]],
) -> bytes:
    """Do a piece of work once for a request id, in the caller's transaction."""
    claimed = await connection.fetchval(
        "INSERT INTO request (request_id, method, body_hash) VALUES ($1, $2, $3) "
        "ON CONFLICT DO NOTHING RETURNING true",
        request_id,
        method,
        body_hash,
    )
    if claimed:
        response = await work(connection)
        await connection.execute(
            "UPDATE request SET response = $2 WHERE request_id = $1", request_id, response
        )
        return response
    earlier = await connection.fetchrow(
        "SELECT method, body_hash, response FROM request WHERE request_id = $1", request_id
    )
    if earlier is None or (earlier["method"], earlier["body_hash"]) != (method, body_hash):
        raise Conflict(
            "IDEMPOTENCY_KEY_REUSED",
            f"request_id {request_id} came before with another content; use a new one",
            field="request_id",
        )
    return bytes(earlier["response"])


async def _add_instruments(connection: Connection[Any], instruments: Iterable[Instrument]) -> None:
    await connection.executemany(
        "INSERT INTO instrument (symbol, name, asset_class, currency, venue, tick_size, lot_size, "
        "min_notional, margin_rate, calendar, tradable, provider, price_scale, size_scale) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) "
        "ON CONFLICT DO NOTHING",
        [
            (
                item.symbol,
                item.name,
                int(item.asset_class),
                item.currency,
                item.venue,
                item.tick_size,
                item.lot_size,
                item.min_notional,
                item.margin_rate,
                item.calendar,
                item.tradable,
                item.provider,
                item.price_scale,
                item.size_scale,
            )
            for item in instruments
        ],
    )


async def _add_bars(connection: Connection[Any], bars: Sequence[tuple[Bar, Instrument]]) -> int:
    records = []
    for bar, instrument in bars:
        time_ns, *figures = row_of(bar, instrument)
        records.append((bar.symbol, int(bar.timeframe), to_datetime(time_ns), *figures, bar.source))
    if not records:
        return 0
    columns = ", ".join(_COLUMNS)
    if len(records) < _COPY_ROWS_MIN:
        result = await connection.execute(
            f"INSERT INTO bar ({columns}) SELECT * FROM unnest($1::text[], $2::smallint[], "
            "$3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], "
            "$8::bigint[], $9::text[]) ON CONFLICT DO NOTHING",
            *(list(column) for column in zip(*records, strict=True)),
        )
    else:
        await connection.execute("CREATE TEMP TABLE incoming (LIKE bar) ON COMMIT DROP")
        await connection.copy_records_to_table("incoming", records=records, columns=_COLUMNS)
        result = await connection.execute(
            f"INSERT INTO bar ({columns}) SELECT {columns} FROM incoming ON CONFLICT DO NOTHING"
        )
    return int(result.rpartition(" ")[2])


async def _add_rejected(connection: Connection[Any], rows: Sequence[RejectedRow]) -> None:
    if not rows:
        return
    await connection.copy_records_to_table(
        "quarantine",
        columns=("symbol", "source", "line", "reason", "detail", "content", "received_at"),
        records=[
            (
                row.symbol,
                row.source,
                row.line,
                row.reason,
                row.detail,
                row.content,
                to_datetime(row.received_at_ns),
            )
            for row in rows
        ],
    )
