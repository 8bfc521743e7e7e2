"""Valuation, trading day, attribution."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pi5.domain.mark import MarkSource
from pi5.domain.order import Side
from pi5.portfolio.engine import PortfolioEngine

from tests.unit.portfolio.order_log import fill_event

BUY, SELL = Side.BUY, Side.SELL
HOUR = 3_600_000_000_000


def engine(hour: int = 0) -> PortfolioEngine:
    return PortfolioEngine("main", "USD", Decimal(1_000), day_starts_at_utc_hour=hour)


def test_equity_is_cash_plus_value_at_the_mark() -> None:
    """A position is valued at cost until there is a price, then at the newest one."""
    live = engine()
    live.on_order_event(fill_event(1, BUY, "10", "20", "1"))
    assert live.equity() == 999
    assert live.on_mark("ACME", Decimal("20.5"), 1)
    assert not live.on_mark("OTHER", Decimal(7), 1)
    figures = live.summary(now_ns=2)
    assert (figures.equity, figures.cash) == (Decimal(1_004), Decimal(799))
    assert (figures.unrealized_pnl, figures.realized_pnl, figures.fees) == (5, 0, 1)
    assert figures.exposure_share == round(Decimal(205) / Decimal(1_004), 12)
    assert figures.open_positions == 1


def test_drawdown_counts_from_the_highest_equity() -> None:
    """The high stays when prices fall."""
    live = engine()
    live.on_order_event(fill_event(1, BUY, "10", "20"))
    live.on_mark("ACME", Decimal(45), 1)
    assert live.summary(1).drawdown_share == 0
    live.on_mark("ACME", Decimal(20), 2)
    assert live.summary(2).drawdown_share == Decimal("-0.2")
    assert live.view(2).high_equity == 1_250


def test_the_day_begins_at_the_hour_that_was_set() -> None:
    """Before the hour it is still yesterday; at the hour the day's profit starts from zero."""
    live = engine(hour=22)
    live.start_day(21 * HOUR)
    assert live.day is not None
    assert live.day.day == date(1969, 12, 31)
    live.on_order_event(fill_event(1, BUY, "10", "20", "5"))
    assert live.start_day(22 * HOUR - 1) is None
    assert live.summary(1).day_pnl == -5
    begun = live.start_day(22 * HOUR)
    assert begun is not None
    assert (begun.day, begun.equity, begun.fees) == (date(1970, 1, 1), Decimal(995), Decimal(5))
    assert live.summary(1).day_pnl == 0


def test_a_day_survives_a_restart() -> None:
    """A restarted engine goes on with the day's beginning it is given."""
    live = engine()
    day = live.start_day(HOUR)
    assert day is not None
    live.on_order_event(fill_event(1, BUY, "10", "20", "5"))
    again = PortfolioEngine("main", "USD", Decimal(1_000), books=live.books)
    again.resume_day(day)
    assert again.start_day(2 * HOUR) is None
    assert again.summary(2 * HOUR).day_pnl == -5


def test_attribution_sums_to_the_account_for_two_strategies_in_one_symbol() -> None:
    """Rows by strategy, by symbol and by day each add up to the account exactly."""
    live = engine()
    days = [live.start_day(HOUR)]
    live.on_order_event(fill_event(1, BUY, "3", "20.01", "0.07", strategy_id="a"))
    live.on_order_event(fill_event(2, SELL, "1", "21.03", "0.03", strategy_id="b"))
    live.on_mark("ACME", Decimal("20.77"), 1)
    days.append(live.start_day(25 * HOUR))
    live.on_order_event(fill_event(3, SELL, "2", "22.5", "0.01", strategy_id="a"))
    live.on_order_event(fill_event(4, BUY, "5", "7.77", "0.01", "GLOBEX", "b"))
    live.on_mark("GLOBEX", Decimal("7.01"), 2)
    total = live.total()
    assert total.net_pnl == live.equity() - 1_000
    for rows in (
        live.attribution(by_symbol=True),
        live.attribution(by_symbol=False),
        live.attribution_by_day(day for day in days if day),
    ):
        assert sum(row.realized_pnl for row in rows) == total.realized_pnl
        assert sum(row.unrealized_pnl for row in rows) == total.unrealized_pnl
        assert sum(row.fees for row in rows) == total.fees
        assert sum(row.net_pnl for row in rows) == total.net_pnl
        assert len(rows) == 2


def test_a_bar_does_not_replace_a_fresh_quote() -> None:
    """The middle of the quote is the mark while quotes come; a close only when they stopped."""
    live = engine()
    live.on_mark("ACME", Decimal(10), 0, MarkSource.QUOTE)
    live.on_mark("ACME", Decimal(11), 4_000_000_000, MarkSource.BAR)
    assert live.marks.price("ACME") == 10
    live.on_mark("ACME", Decimal(11), 5_000_000_000, MarkSource.BAR)
    assert live.marks.price("ACME") == 11
    live.on_mark("ACME", Decimal(9), 4_000_000_000, MarkSource.QUOTE)
    assert live.marks.price("ACME") == 11
