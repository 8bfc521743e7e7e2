"""The state of risk at one moment: mode, use of the limits, what blocks opening. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext

from pi5.domain.decision import TradingMode
from pi5.domain.limits import EVERYTHING, LimitScope
from pi5.domain.money import EXACT, ZERO
from pi5.domain.portfolio import day_start_ns
from pi5.risk.engine import ModeState, RiskEngine
from pi5.risk.situation import money, percent

_DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How much of a limit is used; `used` is 0 to 1 and above."""

    check: str
    subject: str
    limit: str
    observed: str
    used: float


@dataclass(frozen=True, slots=True)
class Protection:
    """Something that blocks opening; `until_ns` is 0 when it needs a person."""

    name: str
    account: str
    reason: str
    until_ns: int


@dataclass(frozen=True, slots=True)
class RiskSnapshot:
    """Everything that GetRiskState shows; None where nothing is known yet."""

    mode: ModeState
    currency: str
    equity: Decimal | None
    day_start_equity: Decimal | None
    day_pnl: Decimal | None
    exposure: Decimal
    limit_uses: tuple[LimitUse, ...]
    protections: tuple[Protection, ...]
    blocks: tuple[str, ...]


def snapshot(engine: RiskEngine, account: str, now_ns: int) -> RiskSnapshot:
    """Return the state of an account."""
    view, start = engine.view(account), engine.day_start_equity(account)
    exposure = engine.exposure(account).worst_value(EVERYTHING)
    uses = _uses(engine, account)
    protections = _protections(engine, account, uses)
    with localcontext(EXACT):
        pnl = view.equity - start if view and start is not None else None
    return RiskSnapshot(
        mode=engine.mode,
        currency=engine.rules.currency,
        equity=view.equity if view else None,
        day_start_equity=start,
        day_pnl=pnl,
        exposure=exposure,
        limit_uses=uses,
        protections=protections,
        blocks=_blocks(engine, account, now_ns),
    )


def _blocks(engine: RiskEngine, account: str, now_ns: int) -> tuple[str, ...]:
    """Return the codes of what keeps positions from being opened just now."""
    found = []
    most_ns = engine.rules.max_portfolio_lag_ms * 1_000_000
    if engine.mode.mode is not TradingMode.ACTIVE:
        found.append(engine.mode.mode.name)
    view = engine.view(account)
    if view is None:
        found.append("NO_PORTFOLIO")
    elif now_ns - view.time_ns > most_ns:
        found.append("STALE_PORTFOLIO")
    behind = engine.behind_since_ns(account)
    if behind and now_ns - behind > most_ns:
        found.append("PORTFOLIO_BEHIND")
    if engine.exposure(account).unpriced:
        found.append("EXPOSURE_UNKNOWN")
    return tuple(found)


def _uses(engine: RiskEngine, account: str) -> tuple[LimitUse, ...]:
    view, start = engine.view(account), engine.day_start_equity(account)
    if view is None or start is None:
        return ()
    exposure, found, currency = engine.exposure(account), [], view.currency
    limits = engine.limits.resolve(account, "", "").limits
    with localcontext(EXACT):
        if limits.max_exposure_share is not None:
            value = exposure.worst_value(EVERYTHING)
            found.append(
                _use(
                    "exposure",
                    account,
                    limits.max_exposure_share,
                    view.equity,
                    value,
                    view.currency,
                )
            )
        if limits.max_daily_loss_share is not None:
            loss = max(start - view.equity, ZERO)
            found.append(
                _use("daily_loss", account, limits.max_daily_loss_share, start, loss, currency)
            )
        if limits.max_drawdown_share is not None:
            fall, high = max(view.high_equity - view.equity, ZERO), view.high_equity
            found.append(_use("drawdown", account, limits.max_drawdown_share, high, fall, currency))
        for symbol in sorted({symbol for _, symbol in exposure.claims}):
            share = engine.limits.resolve(account, "", symbol).limits.max_position_share
            value = exposure.worst_value(LimitScope(symbol=symbol))
            if share is not None and value:
                found.append(_use("position_share", symbol, share, view.equity, value, currency))
    return tuple(found)


def _use(
    check: str, subject: str, share: Decimal, base: Decimal, value: Decimal, currency: str
) -> LimitUse:
    most = share * base
    return LimitUse(
        check,
        subject,
        f"{percent(share)} = {money(most, currency)}",
        money(value, currency),
        float(value / most) if most > 0 else float(value > 0),
    )


def _protections(
    engine: RiskEngine, account: str, uses: tuple[LimitUse, ...]
) -> tuple[Protection, ...]:
    found = []
    day = engine.days.get(account)
    for use in uses:
        if use.check == "daily_loss" and use.used >= 1 and day is not None:
            until = day_start_ns(day.day, engine.rules.day_starts_at_utc_hour) + _DAY_NS
            reason = f"the day's loss of {use.observed} reached {use.limit}"
            found.append(Protection("daily_loss", account, reason, until))
        if use.check == "drawdown" and use.used >= 1:
            reason = f"equity is {use.observed} below its high, the limit is {use.limit}"
            found.append(Protection("max_drawdown_lock", account, reason, 0))
    return tuple(found)
