"""Runs and their results from and to the contract."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pi5.api.backtest.v1 import backtest_pb2
from pi5.api.common.v1 import trading_pb2
from pi5.api.data.v1 import data_pb2
from pi5.api.portfolio.v1 import portfolio_pb2
from pi5.api.risk.v1 import risk_pb2
from pi5.backtest.result import BacktestResult, Performance
from pi5.backtest.spec import DEFAULT_CASH, Costs, Spec
from pi5.domain.instrument import AssetClass, Instrument
from pi5.domain.limits import Limits, Sizing, SizingMethod
from pi5.domain.market import Timeframe
from pi5.domain.money import ZERO, optional_decimal, parse_decimal, wire
from pi5.kit.wire.times import time_ns, timestamp
from pi5.portfolio.trades import ClosedTrade
from pi5.strategy.api import as_text

_DECIMAL_LIMITS = (
    "max_position_share",
    "max_exposure_share",
    "max_daily_loss_share",
    "max_drawdown_share",
    "max_order_notional",
    "max_position_notional",
    "max_order_qty",
    "price_collar_share",
    "max_correlation",
    "max_asset_class_share",
)
_COUNT_LIMITS = ("max_orders_per_minute", "max_open_orders", "max_price_age_ms")
_LIST_LIMITS = ("symbol_whitelist", "symbol_blacklist")


def _or_zero(text: str, field: str) -> Decimal:
    return optional_decimal(text, field) or ZERO


def spec_from(message: backtest_pb2.BacktestSpec, system: Limits) -> Spec:
    """Read what to run; `system` fills the limits that are not given.

    Raises:
        InvalidInput: NOT_A_DECIMAL with the field.
    """
    costs = message.costs
    return Spec(
        strategy_type=message.strategy_type,
        symbols=tuple(dict.fromkeys(message.symbols)),
        timeframe=Timeframe(message.timeframe or Timeframe.D1),
        start_ns=time_ns(message.start_time),
        end_ns=time_ns(message.end_time),
        parameters=dict(message.parameters),
        initial_cash=(
            parse_decimal(message.initial_cash, "spec.initial_cash")
            if message.initial_cash
            else DEFAULT_CASH
        ),
        costs=Costs(
            fee_rate=_or_zero(costs.fee_rate, "spec.costs.fee_rate"),
            min_fee=_or_zero(costs.min_fee, "spec.costs.min_fee"),
            slippage_rate=_or_zero(costs.slippage_rate, "spec.costs.slippage_rate"),
            latency_ms=costs.latency_ms,
            max_volume_share=optional_decimal(
                costs.max_volume_share, "spec.costs.max_volume_share"
            ),
        ),
        limits=limits_from(message.limits).over(system),
        seed=message.seed,
    )


def spec_to(spec: Spec) -> backtest_pb2.BacktestSpec:
    """Write what to run, every default filled in."""
    return backtest_pb2.BacktestSpec(
        strategy_type=spec.strategy_type,
        symbols=spec.symbols,
        timeframe=trading_pb2.Timeframe.ValueType(spec.timeframe),
        start_time=timestamp(spec.start_ns),
        end_time=timestamp(spec.end_ns),
        parameters={name: as_text(value) for name, value in spec.parameters.items()},
        initial_cash=wire(spec.initial_cash),
        costs=backtest_pb2.CostModel(
            fee_rate=wire(spec.costs.fee_rate),
            min_fee=wire(spec.costs.min_fee),
            slippage_rate=wire(spec.costs.slippage_rate),
            latency_ms=spec.costs.latency_ms,
            max_volume_share=wire(spec.costs.max_volume_share),
        ),
        limits=limits_to(spec.limits),
        seed=spec.seed,
    )


def limits_from(message: risk_pb2.Limits) -> Limits:
    """Read limits; what is not set is None."""
    sizing = None
    if message.HasField("sizing"):
        default, given = Sizing(), message.sizing
        sizing = Sizing(
            method=SizingMethod(given.method or default.method),
            fixed_qty=optional_decimal(given.fixed_qty, "fixed_qty") or default.fixed_qty,
            fraction=optional_decimal(given.fraction, "fraction") or default.fraction,
            atr_multiple=optional_decimal(given.atr_multiple, "atr_multiple")
            or default.atr_multiple,
            kelly_multiple=optional_decimal(given.kelly_multiple, "kelly_multiple")
            or default.kelly_multiple,
        )
    given_limits: dict[str, Any] = {
        name: optional_decimal(getattr(message, name), f"limits.{name}") for name in _DECIMAL_LIMITS
    }
    given_limits |= {name: getattr(message, name) or None for name in _COUNT_LIMITS}
    given_limits |= {name: tuple(getattr(message, name)) or None for name in _LIST_LIMITS}
    return Limits(
        **given_limits,
        allow_short=message.allow_short if message.HasField("allow_short") else None,
        sizing=sizing,
    )


def limits_to(limits: Limits) -> risk_pb2.Limits:
    """Write limits."""
    message = risk_pb2.Limits(allow_short=limits.allow_short)
    for name in _DECIMAL_LIMITS:
        setattr(message, name, wire(getattr(limits, name)))
    for name in _COUNT_LIMITS:
        setattr(message, name, getattr(limits, name) or 0)
    for name in _LIST_LIMITS:
        getattr(message, name).extend(getattr(limits, name) or ())
    if limits.sizing is not None:
        message.sizing.method = risk_pb2.SizingMethod.ValueType(limits.sizing.method)
        message.sizing.fixed_qty = wire(limits.sizing.fixed_qty)
        message.sizing.fraction = wire(limits.sizing.fraction)
        message.sizing.atr_multiple = wire(limits.sizing.atr_multiple)
        message.sizing.kelly_multiple = wire(limits.sizing.kelly_multiple)
    return message


def instrument_from(message: data_pb2.Instrument) -> Instrument:
    """Read an instrument."""
    return Instrument(
        symbol=message.symbol,
        name=message.name,
        asset_class=AssetClass(message.asset_class or AssetClass.EQUITY),
        currency=message.currency,
        venue=message.venue,
        tick_size=parse_decimal(message.tick_size, "tick_size"),
        lot_size=parse_decimal(message.lot_size, "lot_size"),
        min_notional=optional_decimal(message.min_notional, "min_notional"),
        margin_rate=optional_decimal(message.margin_rate, "margin_rate") or Decimal(1),
        calendar=message.calendar,
        tradable=message.tradable,
        provider=message.provider,
    )


def result_to(result: BacktestResult) -> backtest_pb2.BacktestResult:
    """Write what came out."""
    return backtest_pb2.BacktestResult(
        data_start=timestamp(result.data_start_ns),
        data_end=timestamp(result.data_end_ns),
        bars=result.bars,
        signals=result.signals,
        orders=result.orders,
        fills=result.fills,
        refusals=result.refusals,
        final_equity=wire(result.final_equity),
        performance=_performance_to(result),
        equity=[
            portfolio_pb2.EquityPoint(
                time=timestamp(point.time_ns),
                equity=wire(point.equity),
                cash=wire(point.cash),
                drawdown_share=f"{point.drawdown:.12f}",
            )
            for point in result.equity
        ],
        trades=[_trade_to(trade) for trade in result.trades],
        buy_and_hold_return=result.buy_and_hold_return,
        digest=result.digest,
    )


def _performance_to(result: BacktestResult) -> portfolio_pb2.Performance:
    figures: Performance = result.performance
    return portfolio_pb2.Performance(
        start_time=timestamp(result.data_start_ns),
        end_time=timestamp(result.data_end_ns),
        total_return=figures.total_return,
        cagr=figures.cagr,
        volatility=figures.volatility,
        sharpe=figures.sharpe,
        sortino=figures.sortino,
        calmar=figures.calmar,
        max_drawdown=figures.max_drawdown,
        max_drawdown_days=figures.max_drawdown_days,
        win_rate=figures.win_rate,
        profit_factor=figures.profit_factor,
        expectancy=wire(figures.expectancy),
        exposure=figures.exposure,
        turnover=figures.turnover,
        closed_trades=figures.closed_trades,
        fees=wire(figures.fees),
        periods_per_year=figures.periods_per_year,
    )


def _trade_to(trade: ClosedTrade) -> portfolio_pb2.ClosedTrade:
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
