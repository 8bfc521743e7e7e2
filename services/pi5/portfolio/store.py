"""All SQL of portfolio. A batch of events, its effects and the cursor are one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pi5.domain.errors import Precondition
from pi5.domain.mark import Mark, Marks, MarkSource
from pi5.domain.order import Side
from pi5.domain.position import Position
from pi5.kit.database import Pool
from pi5.kit.wire.times import from_datetime, to_datetime
from pi5.portfolio.books import Books, Holding, Key, PortfolioChange
from pi5.portfolio.engine import DayStart, Summary
from pi5.portfolio.trades import ClosedTrade, RoundTrip

CONSUMER = "portfolio"
STREAM = "orders"
# Points older than this are thinned to one in five minutes.
_KEEP_ALL_DAYS = 7

_SAVE_POSITION = """
INSERT INTO positions (
    account, strategy_id, symbol, qty, cost, realized_pnl, fees, traded, currency, opened_at_ns,
    updated_at_ns, trade_side, trade_opened_at_ns, trade_entry_qty, trade_entry_notional,
    trade_exit_qty, trade_exit_notional, trade_largest_qty, trade_fees
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
ON CONFLICT (account, strategy_id, symbol) DO UPDATE SET
    qty = EXCLUDED.qty, cost = EXCLUDED.cost, realized_pnl = EXCLUDED.realized_pnl,
    fees = EXCLUDED.fees, traded = EXCLUDED.traded, opened_at_ns = EXCLUDED.opened_at_ns,
    updated_at_ns = EXCLUDED.updated_at_ns, trade_side = EXCLUDED.trade_side,
    trade_opened_at_ns = EXCLUDED.trade_opened_at_ns, trade_entry_qty = EXCLUDED.trade_entry_qty,
    trade_entry_notional = EXCLUDED.trade_entry_notional,
    trade_exit_qty = EXCLUDED.trade_exit_qty, trade_exit_notional = EXCLUDED.trade_exit_notional,
    trade_largest_qty = EXCLUDED.trade_largest_qty, trade_fees = EXCLUDED.trade_fees
"""
_SAVE_TRADE = """
INSERT INTO trade (
    account, strategy_id, symbol, side, qty, entry_price, exit_price, pnl, fees, opened_at,
    closed_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""


@dataclass(frozen=True, slots=True)
class Saved:
    """An account as it was stored."""

    books: Books
    marks: Mapping[str, Mark]
    high_equity: Decimal
    day: DayStart | None


@dataclass(frozen=True, slots=True)
class EquityRow:
    """One point of the equity curve; `high` is the highest equity up to it."""

    time_ns: int
    equity: Decimal
    cash: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Usage:
    """Sums over a stretch of the equity curve; None without points."""

    mean_equity: Decimal | None
    mean_exposure_share: float | None
    traded: Decimal | None
    fees: Decimal | None


class Store:
    """The tables of schema portfolio."""

    def __init__(self, pool: Pool[Any]) -> None:
        self._pool = pool

    async def open_account(self, account: str, currency: str, initial_cash: Decimal) -> None:
        """Create an account on first start.

        Raises:
            Precondition: CURRENCY_CHANGED, when it is kept in another currency.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO account (account, currency, initial_cash, high_equity) "
                "VALUES ($1, $2, $3, $3) ON CONFLICT DO NOTHING",
                account, currency, initial_cash,
            )  # fmt: skip
            await connection.execute(
                "INSERT INTO cash (account, currency, amount) "
                "SELECT account, currency, initial_cash FROM account WHERE account = $1 "
                "ON CONFLICT DO NOTHING",
                account,
            )
            kept = await connection.fetchval(
                "SELECT currency FROM account WHERE account = $1", account
            )
        if kept != currency:
            raise Precondition(
                "CURRENCY_CHANGED",
                f"the account {account} is kept in {kept}; set system.currency back to it",
            )

    async def load(self, account: str) -> Saved:
        """Read an account with its cursor, all of one moment."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            head = await connection.fetchrow(
                "SELECT a.currency, a.initial_cash, a.high_equity, c.amount FROM account a "
                "JOIN cash c USING (account, currency) WHERE a.account = $1",
                account,
            )
            if head is None:
                raise Precondition("UNKNOWN_ACCOUNT", f"there is no account {account}")
            books = Books(account, head["currency"], head["initial_cash"])
            books.cash = head["amount"]
            books.sequence = await _cursor(connection)
            rows = await connection.fetch("SELECT * FROM positions WHERE account = $1", account)
            day = await connection.fetchrow(
                "SELECT * FROM day WHERE account = $1 ORDER BY day DESC LIMIT 1", account
            )
        books.holdings = {(row["strategy_id"], row["symbol"]): _holding(row) for row in rows}
        marks = {
            row["symbol"]: Mark(row["mark"], row["marked_at_ns"], MarkSource.STORED)
            for row in rows
            if row["mark"] is not None
        }
        return Saved(books, marks, head["high_equity"], _day(day) if day else None)

    async def applied(self, account: str, execution_ids: Sequence[str]) -> list[str]:
        """Return which of the executions were applied already."""
        if not execution_ids:
            return []
        rows = await self._pool.fetch(
            "SELECT execution_id FROM applied_fill "
            "WHERE account = $1 AND execution_id = ANY($2::text[])",
            account, list(execution_ids),
        )  # fmt: skip
        return [row["execution_id"] for row in rows]

    async def save_batch(self, before: int, books: Books, changes: list[PortfolioChange]) -> None:
        """Store the effects of a batch and move the cursor from `before`, in one transaction.

        Raises:
            Precondition: CURSOR_MOVED, when the cursor is not at `before`: something else wrote.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await _move_cursor(connection, before, books.sequence)
            filled = [change for change in changes if change.fill is not None]
            if not filled:
                return
            await connection.executemany(
                "INSERT INTO applied_fill (account, execution_id) VALUES ($1, $2)",
                [(books.account, c.fill.execution_id) for c in filled if c.fill],
            )
            latest: dict[Key, Holding] = {
                change.key: change.holding
                for change in filled
                if change.key is not None and change.holding is not None
            }
            await connection.executemany(
                _SAVE_POSITION, [_position_row(books, key, held) for key, held in latest.items()]
            )
            await connection.execute(
                "UPDATE cash SET amount = $3 WHERE account = $1 AND currency = $2",
                books.account, books.currency, books.cash,
            )  # fmt: skip
            await connection.executemany(
                _SAVE_TRADE, [_trade_row(c.closed_trade) for c in filled if c.closed_trade]
            )

    async def save_day(self, account: str, day: DayStart) -> None:
        """Store what a trading day began with; the first word stands."""
        await self._pool.execute(
            "INSERT INTO day (account, day, start_equity, start_realized_pnl, start_fees) "
            "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            account, day.day, day.equity, day.realized_pnl, day.fees,
        )  # fmt: skip

    async def save_equity(self, summary: Summary, high: Decimal, marks: Marks) -> None:
        """Store a point of the equity curve, the highest equity and the marks behind them."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO equity (account, time, equity, cash, exposure, traded, fees) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
                summary.account, to_datetime(summary.time_ns), summary.equity, summary.cash,
                summary.long_value - summary.short_value, summary.traded, summary.fees,
            )  # fmt: skip
            await connection.execute(
                "UPDATE account SET high_equity = GREATEST(high_equity, $2) WHERE account = $1",
                summary.account, high,
            )  # fmt: skip
            held = await connection.fetch(
                "SELECT DISTINCT symbol FROM positions WHERE account = $1 AND qty <> 0",
                summary.account,
            )
            known = [(row["symbol"], marks.get(row["symbol"])) for row in held]
            await connection.executemany(
                "UPDATE positions SET mark = $3, marked_at_ns = $4 "
                "WHERE account = $1 AND symbol = $2",
                [(summary.account, s, mark.price, mark.time_ns) for s, mark in known if mark],
            )

    async def thin_equity(self, account: str, now_ns: int) -> None:
        """Keep one point in five minutes of what is older than seven days."""
        await self._pool.execute(
            "DELETE FROM equity WHERE account = $1 AND time IN ("
            "SELECT time FROM (SELECT time, row_number() OVER ("
            "PARTITION BY date_bin('5 minutes', time, 'epoch') ORDER BY time DESC) AS place "
            "FROM equity WHERE account = $1 AND time < $2::timestamptz - make_interval(days => $3)"
            ") AS placed WHERE place > 1)",
            account, to_datetime(now_ns), _KEEP_ALL_DAYS,
        )  # fmt: skip

    async def days(self, account: str) -> list[DayStart]:
        """Return the beginnings of all trading days, oldest first."""
        rows = await self._pool.fetch("SELECT * FROM day WHERE account = $1 ORDER BY day", account)
        return [_day(row) for row in rows]

    async def equity(
        self, account: str, start: datetime, end: datetime, points: int
    ) -> list[EquityRow]:
        """Return the equity curve oldest first: the last point of each of `points` stretches."""
        rows = await self._pool.fetch(
            "WITH curve AS ("
            "SELECT time, equity, cash, max(equity) OVER (ORDER BY time) AS high "
            "FROM equity WHERE account = $1 AND time <= $3), "
            "part AS (SELECT *, ntile($4) OVER (ORDER BY time) AS stretch "
            "FROM curve WHERE time >= $2) "
            "SELECT DISTINCT ON (stretch) time, equity, cash, high FROM part "
            "ORDER BY stretch, time DESC",
            account, start, end, points,
        )  # fmt: skip
        return [
            EquityRow(from_datetime(row["time"]), row["equity"], row["cash"], row["high"])
            for row in rows
        ]

    async def each_equity(
        self, account: str, start: datetime, end: datetime
    ) -> AsyncIterator[tuple[int, Decimal]]:
        """Yield every point of the equity curve, oldest first, without holding them all."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            query = (
                "SELECT time, equity FROM equity "
                "WHERE account = $1 AND time >= $2 AND time <= $3 ORDER BY time"
            )
            async for row in connection.cursor(query, account, start, end, prefetch=1_000):
                yield from_datetime(row["time"]), row["equity"]

    async def closes(
        self, account: str, start: datetime, end: datetime, day_starts_at_utc_hour: int
    ) -> list[tuple[date, Decimal]]:
        """Return the last equity of each trading day, oldest first."""
        rows = await self._pool.fetch(
            "SELECT DISTINCT ON (day) "
            "((time AT TIME ZONE 'UTC') - make_interval(hours => $4))::date AS day, equity "
            "FROM equity WHERE account = $1 AND time >= $2 AND time <= $3 ORDER BY day, time DESC",
            account, start, end, day_starts_at_utc_hour,
        )  # fmt: skip
        return [(row["day"], row["equity"]) for row in rows]

    async def usage(self, account: str, start: datetime, end: datetime) -> Usage:
        """Return means and sums over a stretch of the equity curve."""
        row = await self._pool.fetchrow(
            "SELECT avg(equity) AS mean_equity, "
            "avg(CASE WHEN equity > 0 THEN exposure / equity END)::float8 AS exposure_share, "
            "max(traded) - min(traded) AS traded, max(fees) - min(fees) AS fees "
            "FROM equity WHERE account = $1 AND time >= $2 AND time <= $3",
            account, start, end,
        )  # fmt: skip
        if row is None:
            return Usage(None, None, None, None)
        return Usage(row["mean_equity"], row["exposure_share"], row["traded"], row["fees"])

    async def trade_profits(self, account: str, start: datetime, end: datetime) -> list[Decimal]:
        """Return the profits of the trades that closed within a stretch of time."""
        rows = await self._pool.fetch(
            "SELECT pnl FROM trade WHERE account = $1 AND closed_at >= $2 AND closed_at <= $3",
            account, start, end,
        )  # fmt: skip
        return [row["pnl"] for row in rows]

    async def trades(
        self,
        account: str,
        strategy_id: str,
        symbol: str,
        after: tuple[datetime, int] | None,
        limit: int,
    ) -> list[tuple[int, ClosedTrade]]:
        """Return closed trades newest first, with their row ids, after a place in the list."""
        before, row_id = after or (None, None)
        rows = await self._pool.fetch(
            "SELECT * FROM trade WHERE account = $1 AND ($2 = '' OR strategy_id = $2) "
            "AND ($3 = '' OR symbol = $3) "
            "AND ($4::timestamptz IS NULL OR (closed_at, id) < ($4, $5::bigint)) "
            "ORDER BY closed_at DESC, id DESC LIMIT $6",
            account, strategy_id, symbol, before, row_id, limit,
        )  # fmt: skip
        return [(row["id"], _trade(row)) for row in rows]


async def _cursor(connection: Any) -> int:
    found = await connection.fetchval(
        "SELECT sequence FROM cursor WHERE consumer = $1 AND stream = $2", CONSUMER, STREAM
    )
    return int(found or 0)


async def _move_cursor(connection: Any, before: int, after: int) -> None:
    await connection.execute(
        "INSERT INTO cursor (consumer, stream, sequence) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
        CONSUMER, STREAM,
    )  # fmt: skip
    moved = await connection.fetchval(
        "UPDATE cursor SET sequence = $4 WHERE consumer = $1 AND stream = $2 AND sequence = $3 "
        "RETURNING sequence",
        CONSUMER, STREAM, before, after,
    )  # fmt: skip
    if moved is None:
        raise Precondition(
            "CURSOR_MOVED", f"the cursor is not at {before}; another process wrote these books"
        )


def _position_row(books: Books, key: Key, holding: Holding) -> tuple[Any, ...]:
    position, trade = holding.position, holding.open_trade
    figures: Iterable[Any] = (None,) * 8
    if trade is not None:
        figures = (
            trade.side, trade.opened_at_ns, trade.entry_qty, trade.entry_notional,
            trade.exit_qty, trade.exit_notional, trade.largest_qty, trade.fees,
        )  # fmt: skip
    return (
        books.account, *key, position.qty, position.cost, position.realized_pnl, position.fees,
        holding.traded, books.currency, position.opened_at_ns, holding.updated_at_ns, *figures,
    )  # fmt: skip


def _holding(row: Any) -> Holding:
    trade = None
    if row["trade_side"] is not None:
        trade = RoundTrip(
            side=Side(row["trade_side"]),
            opened_at_ns=row["trade_opened_at_ns"],
            entry_qty=row["trade_entry_qty"],
            entry_notional=row["trade_entry_notional"],
            exit_qty=row["trade_exit_qty"],
            exit_notional=row["trade_exit_notional"],
            largest_qty=row["trade_largest_qty"],
            fees=row["trade_fees"],
        )
    position = Position(
        row["qty"], row["cost"], row["realized_pnl"], row["fees"], row["opened_at_ns"]
    )
    return Holding(position, trade, row["traded"], row["updated_at_ns"])


def _trade_row(trade: ClosedTrade) -> tuple[Any, ...]:
    return (
        trade.account, trade.strategy_id, trade.symbol, trade.side, trade.qty, trade.entry_price,
        trade.exit_price, trade.pnl, trade.fees, to_datetime(trade.opened_at_ns),
        to_datetime(trade.closed_at_ns),
    )  # fmt: skip


def _trade(row: Any) -> ClosedTrade:
    return ClosedTrade(
        account=row["account"],
        strategy_id=row["strategy_id"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        qty=row["qty"],
        entry_price=row["entry_price"],
        exit_price=row["exit_price"],
        pnl=row["pnl"],
        fees=row["fees"],
        opened_at_ns=from_datetime(row["opened_at"]),
        closed_at_ns=from_datetime(row["closed_at"]),
    )


def _day(row: Any) -> DayStart:
    day: date = row["day"]
    return DayStart(day, row["start_equity"], row["start_realized_pnl"], row["start_fees"])
