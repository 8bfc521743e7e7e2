"""What can be traded, and the grid its prices and quantities lie on."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

from pi5.domain.money import scale_of


class AssetClass(IntEnum):
    """Kind of instrument; the numbers are those of the contract."""

    EQUITY = 1
    CRYPTO = 2
    FOREX = 3
    INDEX = 4


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument and its rules.

    `tick_size` is the smallest step of a price, `lot_size` of a quantity; `margin_rate` is the
    part of a position's value that must be put down (1 without margin).
    """

    symbol: str
    name: str
    asset_class: AssetClass
    currency: str
    venue: str
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal | None = None
    margin_rate: Decimal = Decimal(1)
    calendar: str = "24/7"
    tradable: bool = True
    provider: str = ""

    @property
    def price_scale(self) -> int:
        """Decimal places of a price."""
        return scale_of(self.tick_size)

    @property
    def size_scale(self) -> int:
        """Decimal places of a quantity."""
        return scale_of(self.lot_size)
