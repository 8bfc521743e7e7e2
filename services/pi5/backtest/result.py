"""What came out of a run: counts, figures of performance, equity curve, trades, digest."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from pi5.domain.market import Bar
from pi5.domain.money import EXACT, ZERO
from pi5.portfolio import performance as figures
from pi5.portfolio.trades import ClosedTrade

MOST_POINTS = 1_000
MOST_TRADES = 1_000
SESSIONS_PER_YEAR, DAYS_PER_YEAR = 252, 365
DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Point:
    """Equity at one moment; `drawdown` is the fall from the highest before as a fraction."""

    time_ns: int
    equity: Decimal
    cash: Decimal
    drawdown: float


@dataclass(frozen=True, slots=True)
class Performance:
    """Figures of performance; what is not defined is None."""

    total_return: float | None
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float | None
    max_drawdown_days: float | None
    win_rate: float | None
    profit_factor: float | None
    expectancy: Decimal | None
    exposure: float | None
    turnover: float | None
    closed_trades: int
    fees: Decimal
    periods_per_year: int


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """What came out."""

    data_start_ns: int
    data_end_ns: int
    bars: int
    signals: int
    orders: int
    fills: int
    refusals: Mapping[str, int]
    final_equity: Decimal
    performance: Performance
    equity: tuple[Point, ...]
    trades: tuple[ClosedTrade, ...]
    buy_and_hold_return: float | None
    digest: str


class Curve:
    """The equity curve in bounded memory: every k-th point, k doubling as it fills up."""

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._most = most
        self._step = 1
        self._seen = 0
        self._points: list[Point] = []
        self._last: Point | None = None

    def add(self, point: Point) -> None:
        """Take the next point."""
        if self._seen % self._step == 0:
            self._points.append(point)
            if len(self._points) >= 2 * self._most:
                self._points = self._points[::2]
                self._step *= 2
        self._seen += 1
        self._last = point

    def points(self) -> tuple[Point, ...]:
        """Return at most `most` points, the first and the newest among them."""
        step = -(-len(self._points) // max(self._most - 1, 1)) or 1
        chosen = self._points[::step]
        if self._last is not None and chosen[-1] is not self._last:
            chosen = [*chosen[: self._most - 1], self._last]
        return tuple(chosen)


class Journal:
    """Collects, slice by slice, what the result is made of."""

    def __init__(self, initial_cash: Decimal) -> None:
        self.bars = self.signals = self.orders = self.fills = 0
        self.refusals: Counter[str] = Counter()
        self.trades: deque[ClosedTrade] = deque(maxlen=MOST_TRADES)
        self.profits: list[Decimal] = []
        self._initial = initial_cash
        self._curve = Curve()
        self._drawdown = figures.DrawdownTracker()
        self._closes: list[Decimal] = []
        self._day_ends_ns = 0
        self._first: dict[str, Decimal] = {}
        self._last: dict[str, Decimal] = {}
        self._start_ns = self._end_ns = 0
        self._high = float(initial_cash)
        self._equity_sum = self._exposure_sum = 0.0
        self._moments = 0

    def bar(self, bar: Bar) -> None:
        """Count a bar."""
        self.bars += 1
        if bar.symbol not in self._first:
            self._first[bar.symbol] = bar.close
        self._last[bar.symbol] = bar.close
        self._start_ns = self._start_ns or bar.time_ns
        self._end_ns = bar.time_ns

    def closed(self, trade: ClosedTrade) -> None:
        """Take a closed trade."""
        self.trades.append(trade)
        self.profits.append(trade.pnl)

    def moment(self, bar_ns: int, time_ns: int, equity: Decimal, cash: Decimal) -> None:
        """Take the account's worth after the bars of one moment.

        Args:
            bar_ns: when the bars began; decides the day it belongs to.
            time_ns: when they ended.
            equity: cash plus the value of everything held.
            cash: cash.
        """
        value = float(equity)
        self._high = max(self._high, value)
        fall = value / self._high - 1.0 if self._high > 0 else 0.0
        self._curve.add(Point(time_ns, equity, cash, fall))
        self._drawdown.add(time_ns, value)
        self._moments += 1
        self._equity_sum += value
        if value > 0 and cash != equity:
            self._exposure_sum += abs(float(equity - cash)) / value
        if bar_ns >= self._day_ends_ns:
            self._day_ends_ns = bar_ns - bar_ns % DAY_NS + DAY_NS
            self._closes.append(equity)
        else:
            self._closes[-1] = equity

    def result(
        self, equity: Decimal, fees: Decimal, traded: Decimal, every_day: bool, digest: str
    ) -> BacktestResult:
        """Return what came out."""
        return BacktestResult(
            data_start_ns=self._start_ns,
            data_end_ns=self._end_ns,
            bars=self.bars,
            signals=self.signals,
            orders=self.orders,
            fills=self.fills,
            refusals=dict(sorted(self.refusals.items())),
            final_equity=equity,
            performance=self._performance(equity, fees, traded, every_day),
            equity=self._curve.points(),
            trades=tuple(self.trades),
            buy_and_hold_return=self._buy_and_hold(),
            digest=digest,
        )

    def _performance(
        self, equity: Decimal, fees: Decimal, traded: Decimal, every_day: bool
    ) -> Performance:
        periods = DAYS_PER_YEAR if every_day else SESSIONS_PER_YEAR
        # The days are those that have bars: a session is never missing, a holiday never counted.
        daily = figures.returns([self._initial, *self._closes])
        growth = figures.cagr(float(self._initial), float(equity), len(daily), periods)
        trades = figures.trade_statistics(self.profits)
        moments = self._moments
        mean_equity = self._equity_sum / moments if moments else 0.0
        with localcontext(EXACT):
            total = float(equity / self._initial - 1) if moments else None
        return Performance(
            total_return=total,
            cagr=growth,
            volatility=figures.volatility(daily, periods),
            sharpe=figures.sharpe(daily, periods),
            sortino=figures.sortino(daily, periods),
            calmar=figures.calmar(growth, self._drawdown.worst),
            max_drawdown=self._drawdown.worst,
            max_drawdown_days=self._drawdown.days,
            win_rate=trades.win_rate,
            profit_factor=trades.profit_factor,
            expectancy=trades.expectancy,
            exposure=self._exposure_sum / moments if moments else None,
            turnover=float(traded) / mean_equity if mean_equity > 0 else None,
            closed_trades=trades.count,
            fees=fees,
            periods_per_year=periods,
        )

    def _buy_and_hold(self) -> float | None:
        if not self._first:
            return None
        with localcontext(EXACT):
            growth = [self._last[symbol] / first - 1 for symbol, first in self._first.items()]
            return float(sum(growth, ZERO) / len(growth))
