"""Between risk's own things and the contract's messages, settings and stored rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal, localcontext
from typing import Any

from google.protobuf import json_format

from pi5.api.common.v1 import trading_pb2
from pi5.api.data.v1 import data_pb2
from pi5.api.portfolio.v1 import portfolio_service_pb2
from pi5.api.risk.v1 import risk_pb2
from pi5.domain.errors import InvalidInput
from pi5.domain.instrument import AssetClass, Instrument
from pi5.domain.limits import Limits, LimitScope, Sizing, SizingMethod
from pi5.domain.money import EXACT, optional_decimal, parse_decimal, wire
from pi5.domain.order import Side
from pi5.domain.portfolio import PortfolioView
from pi5.kit.settings import RiskSettings
from pi5.kit.wire.times import time_ns, timestamp
from pi5.risk.reservations import Reservation
from pi5.risk.sizing import METHODS
from pi5.risk.state import RiskSnapshot

_MOST_SYMBOLS = 500
_SHARES = (
    "max_position_share", "max_exposure_share", "max_daily_loss_share", "max_drawdown_share",
    "price_collar_share",
)  # fmt: skip
_AMOUNTS = ("max_order_notional", "max_position_notional", "max_order_qty")
_COUNTS = ("max_open_orders", "max_price_age_ms")
_LISTS = ("symbol_whitelist", "symbol_blacklist")
# The contract has these for later releases; taking a limit that nothing holds would be a lie.
_NOT_YET = ("max_orders_per_minute", "max_correlation", "max_asset_class_share")
_MOST_SHARE = Decimal(10)


def limits_of_settings(settings: RiskSettings) -> Limits:
    """Return the limits of everything as the settings have them."""
    sizing = settings.sizing
    return Limits(
        max_position_share=settings.max_position_share,
        max_exposure_share=settings.max_exposure_share,
        max_daily_loss_share=settings.max_daily_loss_share,
        allow_short=settings.allow_short,
        max_price_age_ms=settings.max_price_age_ms,
        sizing=Sizing(
            method=SizingMethod[sizing.method.upper()],
            fixed_qty=sizing.fixed_qty,
            fraction=sizing.fraction,
        ),
    )


def limits_to(limits: Limits) -> risk_pb2.Limits:
    """Write limits."""
    given: dict[str, Any] = {name: wire(getattr(limits, name)) for name in (*_SHARES, *_AMOUNTS)}
    given |= {name: getattr(limits, name) or 0 for name in _COUNTS}
    given |= {name: getattr(limits, name) or () for name in _LISTS}
    message = risk_pb2.Limits(**given, allow_short=limits.allow_short)
    if limits.sizing is not None:
        message.sizing.CopyFrom(sizing_to(limits.sizing))
    return message


def sizing_to(sizing: Sizing) -> risk_pb2.Sizing:
    """Write a sizing."""
    return risk_pb2.Sizing(
        method=risk_pb2.SizingMethod.ValueType(sizing.method),
        fixed_qty=wire(sizing.fixed_qty),
        fraction=wire(sizing.fraction),
    )


def limits_from(message: risk_pb2.Limits, sizing: Sizing) -> Limits:
    """Read limits; `sizing` fills what a given sizing leaves open.

    Raises:
        InvalidInput: LIMIT_NOT_SUPPORTED, OUT_OF_BOUNDS or NOT_A_DECIMAL with the field.
    """
    for name in _NOT_YET:
        if getattr(message, name):
            raise InvalidInput(
                "LIMIT_NOT_SUPPORTED", f"{name} comes with a later release", field=f"limits.{name}"
            )
    given: dict[str, Any] = {}
    for name in (*_SHARES, *_AMOUNTS):
        value = optional_decimal(getattr(message, name), f"limits.{name}")
        given[name] = _bounded(name, value, _MOST_SHARE if name in _SHARES else None)
    for name in _COUNTS:
        given[name] = getattr(message, name) or None
    for name in _LISTS:
        symbols = tuple(getattr(message, name))
        if len(symbols) > _MOST_SYMBOLS:
            raise InvalidInput(
                "OUT_OF_BOUNDS", f"{name} takes {_MOST_SYMBOLS} symbols at most",
                field=f"limits.{name}",
            )  # fmt: skip
        given[name] = symbols or None
    if message.HasField("allow_short"):
        given["allow_short"] = message.allow_short
    if message.HasField("sizing"):
        given["sizing"] = _sizing_from(message.sizing, sizing)
    return Limits(**given)


def _bounded(name: str, value: Decimal | None, most: Decimal | None) -> Decimal | None:
    if value is not None and (value < 0 or (most is not None and value > most)):
        upper = f" to {most}" if most is not None else " or more"
        raise InvalidInput(
            "OUT_OF_BOUNDS", f"{name} must be 0{upper}, not {value}", field=f"limits.{name}"
        )
    return value


def _sizing_from(message: risk_pb2.Sizing, known: Sizing) -> Sizing:
    if message.atr_multiple or message.kelly_multiple:
        raise InvalidInput(
            "LIMIT_NOT_SUPPORTED", "sizing by volatility and Kelly comes with a later release",
            field="limits.sizing",
        )  # fmt: skip
    method = SizingMethod(message.method) if message.method else known.method
    if method not in METHODS:
        raise InvalidInput(
            "LIMIT_NOT_SUPPORTED", f"sizing by {method.name.lower()} comes with a later release",
            field="limits.sizing.method",
        )  # fmt: skip
    qty = optional_decimal(message.fixed_qty, "limits.sizing.fixed_qty")
    fraction = optional_decimal(message.fraction, "limits.sizing.fraction")
    _bounded("sizing.fixed_qty", qty, None)
    _bounded("sizing.fraction", fraction, _MOST_SHARE)
    return replace(
        known,
        method=method,
        fixed_qty=known.fixed_qty if qty is None else qty,
        fraction=known.fraction if fraction is None else fraction,
    )


def limits_to_json(limits: Limits) -> str:
    """Write limits as they are stored: the contract's names, decimals as text."""
    return json.dumps(
        json_format.MessageToDict(limits_to(limits), preserving_proto_field_name=True)
    )


def limits_from_json(text: str) -> Limits:
    """Read stored limits back."""
    return limits_from(json_format.ParseDict(json.loads(text), risk_pb2.Limits()), Sizing())


def scope_from(message: risk_pb2.LimitScope) -> LimitScope:
    """Read a scope."""
    return LimitScope(message.account, message.strategy_id, message.symbol)


def scope_to(scope: LimitScope) -> risk_pb2.LimitScope:
    """Write a scope."""
    return risk_pb2.LimitScope(
        account=scope.account, strategy_id=scope.strategy_id, symbol=scope.symbol
    )


def instrument_from(message: data_pb2.Instrument) -> Instrument:
    """Read an instrument."""
    return Instrument(
        symbol=message.symbol,
        name=message.name,
        asset_class=AssetClass(message.asset_class),
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


def view_from(message: portfolio_service_pb2.PortfolioSnapshot) -> PortfolioView:
    """Read a view of a portfolio; its high is computed back from the drawdown, to 12 places."""
    summary = message.summary
    equity = parse_decimal(summary.equity, "equity")
    fall = parse_decimal(summary.drawdown_share or "0", "drawdown_share")
    with localcontext(EXACT):
        high = round(equity / (1 + fall), 12) if fall > -1 else equity
    return PortfolioView(
        account=summary.account,
        currency=summary.currency,
        equity=equity,
        cash=parse_decimal(summary.cash, "cash"),
        day_start_equity=parse_decimal(summary.day_start_equity, "day_start_equity"),
        high_equity=max(high, equity),
        applied_sequence=summary.applied_sequence,
        time_ns=time_ns(summary.time),
        positions={
            (position.strategy_id, position.symbol): parse_decimal(position.qty, "qty")
            for position in message.positions
        },
    )


def state_to(state: RiskSnapshot) -> risk_pb2.RiskState:
    """Write the state of risk."""

    def money(amount: Decimal | None) -> trading_pb2.Money | None:
        if amount is None:
            return None
        return trading_pb2.Money(currency=state.currency, amount=wire(amount))

    return risk_pb2.RiskState(
        mode=risk_pb2.TradingMode.ValueType(state.mode.mode),
        reason=state.mode.reason,
        changed_by=state.mode.changed_by,
        changed_at=timestamp(state.mode.changed_at_ns),
        equity=money(state.equity),
        day_start_equity=money(state.day_start_equity),
        day_pnl=money(state.day_pnl),
        exposure=money(state.exposure),
        limit_uses=[
            risk_pb2.LimitUse(
                check=use.check,
                subject=use.subject,
                limit=use.limit,
                observed=use.observed,
                used=use.used,
            )
            for use in state.limit_uses
        ],
        protections=[
            risk_pb2.Protection(
                name=protection.name,
                scope=risk_pb2.LimitScope(account=protection.account),
                reason=protection.reason,
                until=timestamp(protection.until_ns),
            )
            for protection in state.protections
        ],
        blocks=state.blocks,
        revision=state.mode.revision,
    )


def reservation_to_json(claim: Reservation) -> str:
    """Write a claim as it is stored."""
    content: dict[str, Any] = {item.name: getattr(claim, item.name) for item in fields(claim)}
    content["side"] = int(claim.side)
    for name in ("qty", "price", "settled_qty"):
        content[name] = str(content[name])
    content["fills"] = [[sequence, str(qty)] for sequence, qty in claim.fills]
    return json.dumps(content)


def reservation_from_json(text: str) -> Reservation:
    """Read a stored claim back."""
    content: Mapping[str, Any] = json.loads(text)
    return Reservation(
        **{
            **content,
            "side": Side(content["side"]),
            "qty": Decimal(content["qty"]),
            "price": Decimal(content["price"]),
            "settled_qty": Decimal(content["settled_qty"]),
            "fills": tuple((sequence, Decimal(qty)) for sequence, qty in content["fills"]),
        }
    )
