"""A fixed fraction of equity.

Strength and confidence of the signal do not change the quantity: they come from a plug-in and are
not calibrated, and a person must be able to foresee the size from the settings alone. They are
kept with the signal and shown beside the decision.
"""

from __future__ import annotations

from decimal import Decimal, localcontext

from pi5.domain.limits import Sizing
from pi5.domain.money import EXACT, round_down, wire
from pi5.risk.situation import percent


def size(sizing: Sizing, equity: Decimal, price: Decimal, lot: Decimal) -> tuple[Decimal, str]:
    """Return what `fraction` of equity buys at a price, rounded down to the lot, and how."""
    with localcontext(EXACT):
        amount = max(equity, Decimal(0)) * sizing.fraction
        qty = round_down(amount / price, lot)
    return qty, (
        f"{percent(sizing.fraction)} of equity {equity:.2f} is {amount:.2f}; at {wire(price)}, "
        f"in lots of {wire(lot)}: {wire(qty)}"
    )
