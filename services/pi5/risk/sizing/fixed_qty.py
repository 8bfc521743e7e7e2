"""Always the same quantity."""

from __future__ import annotations

from decimal import Decimal

from pi5.domain.limits import Sizing
from pi5.domain.money import round_down, wire


def size(sizing: Sizing, _equity: Decimal, _price: Decimal, lot: Decimal) -> tuple[Decimal, str]:
    """Return `fixed_qty` rounded down to the lot, and how it came about."""
    qty = round_down(sizing.fixed_qty, lot)
    return qty, f"fixed quantity {wire(sizing.fixed_qty)}, in lots of {wire(lot)}: {wire(qty)}"
