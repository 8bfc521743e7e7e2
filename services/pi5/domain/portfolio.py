"""What risk and strategies need to know of a portfolio at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from pi5.domain.money import ZERO

_NS = 1_000_000_000


def trading_day(time_ns: int, starts_at_utc_hour: int = 0) -> date:
    """Return the trading day of a moment, named by the date (UTC) on which it begins.

    >>> trading_day(1_500_000_000 * _NS)  # 2017-07-14 02:40 UTC
    datetime.date(2017, 7, 14)
    >>> trading_day(1_500_000_000 * _NS, starts_at_utc_hour=3)
    datetime.date(2017, 7, 13)
    """
    moment = datetime.fromtimestamp(time_ns // _NS, UTC) - timedelta(hours=starts_at_utc_hour)
    return moment.date()


def day_start_ns(day: date, starts_at_utc_hour: int = 0) -> int:
    """Return when a trading day begins, in nanoseconds since 1970.

    >>> day_start_ns(date(1970, 1, 2), 1)
    90000000000000
    """
    begin = datetime(day.year, day.month, day.day, starts_at_utc_hour, tzinfo=UTC)
    return int(begin.timestamp()) * _NS


@dataclass(frozen=True, slots=True)
class PortfolioView:
    """An account at one moment, as far as the order log has been applied.

    `positions` maps (strategy_id, symbol) to the quantity held, negative when short. All amounts
    are in `currency`. `applied_sequence` is the last event of the order log that is in it.
    """

    account: str
    currency: str
    equity: Decimal
    cash: Decimal
    day_start_equity: Decimal
    high_equity: Decimal
    applied_sequence: int
    time_ns: int
    positions: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)

    def qty(self, symbol: str, strategy_id: str | None = None) -> Decimal:
        """Return the quantity held of a symbol, by one strategy or by all."""
        if strategy_id is not None:
            return self.positions.get((strategy_id, symbol), ZERO)
        return sum((q for (_, held), q in self.positions.items() if held == symbol), ZERO)
