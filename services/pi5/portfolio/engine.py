"""The portfolio of one account: its books, valued at the newest marks.

Pure: events, marks and times come in, figures go out. Live service, backtest and replay use it
alike. The trading day begins at an hour (UTC) that is given; the equity it began with is kept, so
that the day's profit has one meaning for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from itertools import pairwise

from pi5.domain.event import OrderEvent
from pi5.domain.mark import Marks, MarkSource
from pi5.domain.money import EXACT, ZERO
from pi5.domain.portfolio import PortfolioView, trading_day
from pi5.portfolio.books import Books, PortfolioChange

_SHARE_PLACES = 12


@dataclass(frozen=True, slots=True)
class PositionFigures:
    """One position, valued. `price` is None before the first mark (then valued at cost)."""

    strategy_id: str
    symbol: str
    qty: Decimal
    avg_entry_price: Decimal
    cost: Decimal
    price: Decimal | None
    market_value: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    fees: Decimal
    opened_at_ns: int
    updated_at_ns: int
    stale: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """The account in short; amounts in `currency`, shares as fractions."""

    account: str
    currency: str
    equity: Decimal
    cash: Decimal
    long_value: Decimal
    short_value: Decimal
    initial_cash: Decimal
    day_start_equity: Decimal
    day_pnl: Decimal
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    fees: Decimal
    traded: Decimal
    exposure_share: Decimal
    drawdown_share: Decimal
    open_positions: int
    applied_sequence: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class DayStart:
    """What the account was worth when a trading day began."""

    day: date
    equity: Decimal
    realized_pnl: Decimal = ZERO
    fees: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class AttributionRow:
    """What one strategy, symbol or day made; `net` = realised + unrealised - fees."""

    name: str
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    fees: Decimal

    @property
    def net_pnl(self) -> Decimal:
        """Profit and loss after fees."""
        with localcontext(EXACT):
            return self.realized_pnl + self.unrealized_pnl - self.fees


class PortfolioEngine:
    """Books of one account and what they are worth.

    Args:
        account: name of the account.
        currency: the one currency it is kept in.
        initial_cash: what it began with.
        day_starts_at_utc_hour: hour at which the trading day begins.
        stale_after_ms: age after which a mark counts as stale.
        books: books to go on with; new ones when None.
        high_equity: highest equity so far.
    """

    def __init__(
        self,
        account: str,
        currency: str,
        initial_cash: Decimal,
        day_starts_at_utc_hour: int = 0,
        stale_after_ms: int = 10_000,
        books: Books | None = None,
        high_equity: Decimal | None = None,
    ) -> None:
        self.books = books or Books(account, currency, initial_cash)
        self.marks = Marks()
        self.day: DayStart | None = None
        self._hour = day_starts_at_utc_hour
        self._stale_after_ns = stale_after_ms * 1_000_000
        self._high = high_equity if high_equity is not None else initial_cash

    @property
    def high_equity(self) -> Decimal:
        """The highest equity so far."""
        return self._high

    def on_order_event(self, event: OrderEvent) -> PortfolioChange | None:
        """Apply one event of the order log; None when it was applied before.

        Raises:
            Precondition: as `Books.apply`; nothing was changed then.
        """
        change = self.books.apply(event)
        self.books.settle()
        self._raise_high(self.equity())
        return change

    def adopt(self, books: Books) -> None:
        """Go on with books that were staged from these and made durable meanwhile."""
        books.settle()
        self.books = books
        self._raise_high(self.equity())

    def on_mark(
        self, symbol: str, price: Decimal, time_ns: int, source: MarkSource = MarkSource.QUOTE
    ) -> bool:
        """Take a price; tell whether it changed the value of something held."""
        before = self.marks.price(symbol)
        taken = self.marks.offer(symbol, price, time_ns, source)
        return taken and price != before and self.holds(symbol)

    def holds(self, symbol: str) -> bool:
        """Tell whether anything is held of a symbol."""
        return any(
            held == symbol and holding.position.qty
            for (_, held), holding in self.books.holdings.items()
        )

    def equity(self) -> Decimal:
        """Cash plus the value of everything held."""
        with localcontext(EXACT):
            return self.books.cash + sum(
                (
                    holding.position.market_value(self.marks.price(symbol))
                    for (_, symbol), holding in self.books.holdings.items()
                ),
                ZERO,
            )

    def start_day(self, now_ns: int) -> DayStart | None:
        """Begin the trading day of `now_ns` if it is a new one; return it then, else None.

        The day begins with the equity at the marks known at this moment, so it must be called
        before the day's first event or mark is applied.
        """
        day = trading_day(now_ns, self._hour)
        if self.day is not None and day <= self.day.day:
            return None
        realized, fees = self._realized_and_fees()
        self.day = DayStart(day, self.equity(), realized, fees)
        return self.day

    def resume_day(self, day: DayStart) -> None:
        """Go on within a day that began before a restart."""
        self.day = day

    def summary(self, now_ns: int) -> Summary:
        """Return the account in short, valued at the newest marks."""
        long_value = short_value = unrealized = traded = ZERO
        count = 0
        with localcontext(EXACT):
            for (_, symbol), holding in self.books.holdings.items():
                position, mark = holding.position, self.marks.price(symbol)
                value = position.market_value(mark)
                long_value += max(value, ZERO)
                short_value += min(value, ZERO)
                unrealized += position.unrealized_pnl(mark)
                traded += holding.traded
                count += bool(position.qty)
            equity = self.books.cash + long_value + short_value
            self._raise_high(equity)
            realized, fees = self._realized_and_fees()
            start = self.day.equity if self.day else self.books.initial_cash
            return Summary(
                account=self.books.account,
                currency=self.books.currency,
                equity=equity,
                cash=self.books.cash,
                long_value=long_value,
                short_value=short_value,
                initial_cash=self.books.initial_cash,
                day_start_equity=start,
                day_pnl=equity - start,
                realized_pnl=realized,
                unrealized_pnl=unrealized,
                fees=fees,
                traded=traded,
                exposure_share=share(long_value - short_value, equity),
                drawdown_share=share(equity - self._high, self._high),
                open_positions=count,
                applied_sequence=self.books.sequence,
                time_ns=now_ns,
            )

    def view(self, now_ns: int) -> PortfolioView:
        """Return what risk and strategies need to know."""
        equity = self.equity()
        self._raise_high(equity)
        return PortfolioView(
            account=self.books.account,
            currency=self.books.currency,
            equity=equity,
            cash=self.books.cash,
            day_start_equity=self.day.equity if self.day else self.books.initial_cash,
            high_equity=self._high,
            applied_sequence=self.books.sequence,
            time_ns=now_ns,
            positions={
                key: holding.position.qty
                for key, holding in self.books.holdings.items()
                if holding.position.qty
            },
        )

    def positions(self, now_ns: int, include_closed: bool = False) -> list[PositionFigures]:
        """Return the positions by symbol and strategy, valued at the newest marks."""
        found = []
        for (strategy_id, symbol), holding in self.books.holdings.items():
            position, mark = holding.position, self.marks.get(symbol)
            if not position.qty and not include_closed:
                continue
            price = mark.price if mark else None
            found.append(
                PositionFigures(
                    strategy_id=strategy_id,
                    symbol=symbol,
                    qty=position.qty,
                    avg_entry_price=position.avg_entry_price,
                    cost=position.cost,
                    price=price,
                    market_value=position.market_value(price),
                    unrealized_pnl=position.unrealized_pnl(price),
                    realized_pnl=position.realized_pnl,
                    fees=position.fees,
                    opened_at_ns=position.opened_at_ns,
                    updated_at_ns=holding.updated_at_ns,
                    stale=mark is None or now_ns - mark.time_ns > self._stale_after_ns,
                )
            )
        return sorted(found, key=lambda row: (row.symbol, row.strategy_id))

    def attribution(self, by_symbol: bool) -> list[AttributionRow]:
        """Return what each symbol, or each strategy, made; the rows sum to the account."""
        rows: dict[str, AttributionRow] = {}
        with localcontext(EXACT):
            for (strategy_id, symbol), holding in sorted(self.books.holdings.items()):
                name = symbol if by_symbol else strategy_id
                row = rows.get(name, AttributionRow(name, ZERO, ZERO, ZERO))
                position = holding.position
                rows[name] = AttributionRow(
                    name,
                    row.realized_pnl + position.realized_pnl,
                    row.unrealized_pnl + position.unrealized_pnl(self.marks.price(symbol)),
                    row.fees + position.fees,
                )
        return list(rows.values())

    def attribution_by_day(self, days: Iterable[DayStart]) -> list[AttributionRow]:
        """Return what each day made, from the days' beginnings, oldest first.

        Differences of one beginning to the next, so they sum to the account exactly. What happened
        while nothing ran belongs to the last day before; the first day begins with the account.
        """
        starts = sorted(days, key=lambda start: start.day)
        if not starts:
            return []
        first = DayStart(starts[0].day, self.books.initial_cash)
        realized, fees = self._realized_and_fees()
        end = DayStart(starts[-1].day, self.equity(), realized, fees)
        edges = [first, *starts[1:], end]
        rows = []
        with localcontext(EXACT):
            for before, after in pairwise(edges):
                made = after.realized_pnl - before.realized_pnl
                paid = after.fees - before.fees
                rest = after.equity - before.equity - made + paid
                rows.append(AttributionRow(before.day.isoformat(), made, rest, paid))
        return rows

    def total(self) -> AttributionRow:
        """Return what the account made."""
        realized, fees = self._realized_and_fees()
        with localcontext(EXACT):
            unrealized = self.equity() - self.books.initial_cash - realized + fees
        return AttributionRow("total", realized, unrealized, fees)

    def _realized_and_fees(self) -> tuple[Decimal, Decimal]:
        holdings = self.books.holdings.values()
        with localcontext(EXACT):
            realized = sum((holding.position.realized_pnl for holding in holdings), ZERO)
            return realized, sum((holding.position.fees for holding in holdings), ZERO)

    def _raise_high(self, equity: Decimal) -> None:
        self._high = max(self._high, equity)


def share(part: Decimal, whole: Decimal) -> Decimal:
    """Return part over whole rounded to 12 places; 0 where there is no whole."""
    if whole <= 0:
        return ZERO
    with localcontext(EXACT):
        return round(part / whole, _SHARE_PLACES)
