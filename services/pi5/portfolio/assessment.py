"""Gathers what the figures of performance are made of, from the store and the live engine."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, localcontext

import grpc

from pi5.api.data.v1 import data_service_pb2, data_service_pb2_grpc
from pi5.api.portfolio.v1 import portfolio_pb2
from pi5.domain.money import EXACT, wire
from pi5.kit.client import Peer
from pi5.kit.wire.times import from_datetime, timestamp
from pi5.portfolio import performance as figures
from pi5.portfolio.engine import PortfolioEngine
from pi5.portfolio.store import Store

EVERY_DAY_PERIODS, SESSION_PERIODS = 365, 252


class Calendars:
    """Which instruments trade every day; remembered after the first answer of data."""

    def __init__(self, data: Peer) -> None:
        self._data = data
        self._calendars: dict[str, str] = {}

    async def every_day(self, symbols: set[str]) -> bool:
        """Tell whether any of the symbols trades around the clock (also when nothing is known)."""
        missing = symbols - self._calendars.keys()
        stub = data_service_pb2_grpc.MarketDataServiceStub(self._data.channel)
        for symbol in sorted(missing):
            try:
                answer = await stub.GetInstrument(
                    data_service_pb2.GetInstrumentRequest(symbol=symbol),
                    metadata=self._data.metadata(),
                    timeout=1.0,
                )
            except grpc.aio.AioRpcError:
                break
            self._calendars[symbol] = answer.instrument.calendar
        known = [self._calendars[symbol] for symbol in symbols if symbol in self._calendars]
        return not known or "24/7" in known


async def assess(
    store: Store,
    engine: PortfolioEngine,
    start: datetime,
    end: datetime,
    day_starts_at_utc_hour: int,
    *,
    every_day: bool,
) -> portfolio_pb2.Performance:
    """Return the figures of performance of a stretch of time."""
    account = engine.books.account
    drawdown, first_ns, last_ns, first = figures.DrawdownTracker(), 0, 0, None
    async for time_ns, equity in store.each_equity(account, start, end):
        first_ns, last_ns = first_ns or time_ns, time_ns
        first = equity if first is None else first
        drawdown.add(time_ns, float(equity))
    # From the beginning, the first point is what the account began with.
    beginning = not from_datetime(start) or first is None
    opening = engine.books.initial_cash if beginning else first
    closes = await store.closes(account, start, end, day_starts_at_utc_hour)
    series = figures.daily_equities(opening or engine.books.initial_cash, closes, every_day)
    daily = figures.returns(series)
    periods = EVERY_DAY_PERIODS if every_day else SESSION_PERIODS
    growth = figures.cagr(float(series[0]), float(series[-1]), len(daily), periods)
    trades = figures.trade_statistics(await store.trade_profits(account, start, end))
    usage = await store.usage(account, start, end)
    return portfolio_pb2.Performance(
        start_time=timestamp(first_ns),
        end_time=timestamp(last_ns),
        total_return=_growth(series[0], closes[-1][1]) if closes else None,
        cagr=growth,
        volatility=figures.volatility(daily, periods),
        sharpe=figures.sharpe(daily, periods),
        sortino=figures.sortino(daily, periods),
        calmar=figures.calmar(growth, drawdown.worst),
        max_drawdown=drawdown.worst,
        max_drawdown_days=drawdown.days,
        win_rate=trades.win_rate,
        profit_factor=trades.profit_factor,
        expectancy=wire(trades.expectancy),
        exposure=usage.mean_exposure_share,
        turnover=_ratio(usage.traded, usage.mean_equity),
        closed_trades=trades.count,
        fees=wire(usage.fees),
        periods_per_year=periods,
    )


def _growth(first: Decimal, last: Decimal) -> float | None:
    ratio = _ratio(last, first)
    return None if ratio is None else ratio - 1.0


def _ratio(part: Decimal | None, whole: Decimal | None) -> float | None:
    if part is None or whole is None or whole <= 0:
        return None
    with localcontext(EXACT):
        return float(part / whole)
