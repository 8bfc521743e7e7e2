"""The limits that risk holds orders against, and how signals are sized."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal
from enum import IntEnum


class SizingMethod(IntEnum):
    """How a signal becomes a quantity."""

    FIXED_QTY = 1
    FIXED_FRACTION = 2
    VOLATILITY = 3
    KELLY = 4


@dataclass(frozen=True, slots=True)
class Sizing:
    """Sizing method and its figures; shares are fractions of equity."""

    method: SizingMethod = SizingMethod.FIXED_FRACTION
    fixed_qty: Decimal = Decimal(1)
    fraction: Decimal = Decimal("0.05")
    atr_multiple: Decimal = Decimal(2)
    kelly_multiple: Decimal = Decimal("0.25")


@dataclass(frozen=True, slots=True)
class LimitScope:
    """What limits apply to; an empty field means every one. All empty: everything."""

    account: str = ""
    strategy_id: str = ""
    symbol: str = ""

    def covers(self, account: str, strategy_id: str, symbol: str) -> bool:
        """Tell whether something in that account, of that strategy, in that symbol is meant."""
        return (
            self.account in {"", account}
            and self.strategy_id in {"", strategy_id}
            and self.symbol in {"", symbol}
        )

    @property
    def precedence(self) -> int:
        """The higher wins: symbol before strategy before account before everything.

        >>> [LimitScope("main").precedence, LimitScope("main", "trend").precedence]
        [1, 3]
        """
        return bool(self.account) + 2 * bool(self.strategy_id) + 4 * bool(self.symbol)


EVERYTHING = LimitScope()


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one scope; None inherits from the wider scope. Shares are fractions of equity."""

    max_position_share: Decimal | None = None
    max_exposure_share: Decimal | None = None
    max_daily_loss_share: Decimal | None = None
    max_drawdown_share: Decimal | None = None
    max_order_notional: Decimal | None = None
    max_position_notional: Decimal | None = None
    max_order_qty: Decimal | None = None
    price_collar_share: Decimal | None = None
    max_orders_per_minute: int | None = None
    max_open_orders: int | None = None
    symbol_whitelist: tuple[str, ...] | None = None
    symbol_blacklist: tuple[str, ...] | None = None
    max_correlation: Decimal | None = None
    max_asset_class_share: Decimal | None = None
    allow_short: bool | None = None
    max_price_age_ms: int | None = None
    sizing: Sizing | None = None

    def over(self, wider: Limits) -> Limits:
        """Return these limits with gaps filled from the wider scope."""
        gaps = {
            item.name: getattr(wider, item.name)
            for item in fields(self)
            if getattr(self, item.name) is None
        }
        return replace(self, **gaps)


DEFAULT_LIMITS = Limits(
    max_position_share=Decimal("0.15"),
    max_exposure_share=Decimal("0.90"),
    max_daily_loss_share=Decimal("0.03"),
    allow_short=False,
    max_price_age_ms=10_000,
    sizing=Sizing(),
)
