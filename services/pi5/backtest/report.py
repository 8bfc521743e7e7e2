"""A run as lines for a person: what was asked, what came out, what it cost."""

from __future__ import annotations

from decimal import Decimal

from pi5.api.backtest.v1 import backtest_pb2
from pi5.api.portfolio.v1 import portfolio_pb2
from pi5.domain.market import Timeframe
from pi5.domain.money import parse_decimal

_UNDEFINED = "not defined"


def lines(run: backtest_pb2.Backtest) -> list[tuple[str, str]]:
    """Return the report as pairs of label and value; an empty label is a gap."""
    spec, result = run.spec, run.result
    figures = result.performance
    parameters = " ".join(f"{name}={value}" for name, value in sorted(spec.parameters.items()))
    return [
        ("strategy", f"{spec.strategy_type} {parameters}".strip()),
        ("symbols", ", ".join(spec.symbols)),
        ("period", f"{_day(result.data_start)} to {_day(result.data_end)}"),
        ("bars", f"{result.bars:,} of {Timeframe(spec.timeframe).label}"),
        ("initial cash", _money(spec.initial_cash)),
        ("costs", _costs(spec.costs)),
        ("", ""),
        ("signals", f"{result.signals:,}"),
        ("orders", f"{result.orders:,}"),
        ("fills", f"{result.fills:,}"),
        ("number of trades", f"{figures.closed_trades:,}"),
        ("refusals", _refusals(result)),
        ("", ""),
        ("final equity", _money(result.final_equity)),
        *_performance(figures),
        ("buy and hold", _percent(result, "buy_and_hold_return")),
        ("digest", result.digest),
    ]


def _performance(figures: portfolio_pb2.Performance) -> list[tuple[str, str]]:
    return [
        ("total return", _percent(figures, "total_return")),
        ("CAGR", _percent(figures, "cagr")),
        ("volatility", _percent(figures, "volatility")),
        ("Sharpe", _number(figures, "sharpe")),
        ("Sortino", _number(figures, "sortino")),
        ("max drawdown", _drawdown(figures)),
        ("win rate", _percent(figures, "win_rate")),
        ("profit factor", _number(figures, "profit_factor")),
        ("expectancy", _money(figures.expectancy) if figures.expectancy else _UNDEFINED),
        ("exposure", _percent(figures, "exposure")),
        ("fees", _money(figures.fees)),
    ]


def _percent(message: object, field: str) -> str:
    if not message.HasField(field):  # type: ignore[attr-defined]
        return _UNDEFINED
    return f"{getattr(message, field):.2%}"


def _number(message: object, field: str) -> str:
    if not message.HasField(field):  # type: ignore[attr-defined]
        return _UNDEFINED
    return f"{getattr(message, field):.2f}"


def _drawdown(figures: portfolio_pb2.Performance) -> str:
    if not figures.HasField("max_drawdown"):
        return _UNDEFINED
    return f"{figures.max_drawdown:.2%} over {figures.max_drawdown_days:,.0f} days"


def _money(text: str) -> str:
    value = parse_decimal(text) if text else Decimal(0)
    return f"{value:,.2f}"


def _day(time: object) -> str:
    return time.ToDatetime().date().isoformat()  # type: ignore[attr-defined, no-any-return]


def _costs(costs: backtest_pb2.CostModel) -> str:
    parts = [f"fee {parse_decimal(costs.fee_rate or '0'):%}"]
    if parse_decimal(costs.slippage_rate or "0"):
        parts.append(f"slippage {parse_decimal(costs.slippage_rate):%}")
    return ", ".join(parts)


def _refusals(result: backtest_pb2.BacktestResult) -> str:
    found = [f"{code} {count:,}" for code, count in sorted(result.refusals.items())]
    return ", ".join(found) or "none"
