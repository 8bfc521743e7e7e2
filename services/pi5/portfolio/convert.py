"""Between the portfolio's figures and the contract's messages."""

from __future__ import annotations

from collections.abc import Iterable

from pi5.api.common.v1 import trading_pb2
from pi5.api.portfolio.v1 import portfolio_pb2, portfolio_service_pb2
from pi5.domain.money import ZERO, wire
from pi5.kit.wire.times import timestamp
from pi5.portfolio.engine import AttributionRow, PositionFigures, Summary, share
from pi5.portfolio.store import EquityRow
from pi5.portfolio.trades import ClosedTrade


def summary_to(summary: Summary) -> portfolio_pb2.Summary:
    """Write an account in short."""
    return portfolio_pb2.Summary(
        account=summary.account,
        currency=summary.currency,
        equity=wire(summary.equity),
        cash=wire(summary.cash),
        buying_power=wire(max(summary.cash, ZERO)),
        long_market_value=wire(summary.long_value),
        short_market_value=wire(summary.short_value),
        initial_equity=wire(summary.initial_cash),
        day_start_equity=wire(summary.day_start_equity),
        day_pnl=wire(summary.day_pnl),
        realized_pnl=wire(summary.realized_pnl),
        unrealized_pnl=wire(summary.unrealized_pnl),
        fees=wire(summary.fees),
        exposure_share=wire(summary.exposure_share),
        drawdown_share=wire(summary.drawdown_share),
        open_positions=summary.open_positions,
        applied_sequence=summary.applied_sequence,
        time=timestamp(summary.time_ns),
        cash_by_currency=[trading_pb2.Money(currency=summary.currency, amount=wire(summary.cash))],
    )


def position_to(account: str, currency: str, row: PositionFigures) -> portfolio_pb2.Position:
    """Write a position."""
    return portfolio_pb2.Position(
        account=account,
        strategy_id=row.strategy_id,
        symbol=row.symbol,
        qty=wire(row.qty),
        avg_entry_price=wire(row.avg_entry_price),
        current_price=wire(row.price),
        market_value=wire(row.market_value),
        cost_basis=wire(row.cost),
        unrealized_pnl=wire(row.unrealized_pnl),
        realized_pnl=wire(row.realized_pnl),
        fees=wire(row.fees),
        currency=currency,
        opened_at=timestamp(row.opened_at_ns),
        updated_at=timestamp(row.updated_at_ns),
        stale=row.stale,
    )


def snapshot_to(
    summary: Summary, positions: Iterable[PositionFigures], sequence: int
) -> portfolio_service_pb2.PortfolioSnapshot:
    """Write summary and positions of one moment."""
    return portfolio_service_pb2.PortfolioSnapshot(
        summary=summary_to(summary),
        positions=[position_to(summary.account, summary.currency, row) for row in positions],
        sequence=sequence,
    )


def equity_to(row: EquityRow) -> portfolio_pb2.EquityPoint:
    """Write a point of the equity curve."""
    return portfolio_pb2.EquityPoint(
        time=timestamp(row.time_ns),
        equity=wire(row.equity),
        cash=wire(row.cash),
        drawdown_share=wire(share(row.equity - row.high, row.high)),
    )


def trade_to(trade: ClosedTrade) -> portfolio_pb2.ClosedTrade:
    """Write a closed trade."""
    return portfolio_pb2.ClosedTrade(
        account=trade.account,
        strategy_id=trade.strategy_id,
        symbol=trade.symbol,
        side=trading_pb2.Side.ValueType(trade.side),
        qty=wire(trade.qty),
        entry_price=wire(trade.entry_price),
        exit_price=wire(trade.exit_price),
        pnl=wire(trade.pnl),
        fees=wire(trade.fees),
        opened_at=timestamp(trade.opened_at_ns),
        closed_at=timestamp(trade.closed_at_ns),
    )


def attribution_to(row: AttributionRow) -> portfolio_pb2.Attribution:
    """Write a row of attribution."""
    return portfolio_pb2.Attribution(
        name=row.name,
        realized_pnl=wire(row.realized_pnl),
        unrealized_pnl=wire(row.unrealized_pnl),
        fees=wire(row.fees),
        net_pnl=wire(row.net_pnl),
    )
