"""How a signal becomes a quantity: one method a file, and what to do with what is held.

A signal against the position closes it, never more: going through zero takes a second signal. A
signal from flat, or with the position, is sized by the method that the limits name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from pi5.domain.instrument import Instrument
from pi5.domain.limits import Limits, Sizing, SizingMethod
from pi5.domain.money import ZERO, round_down, wire
from pi5.domain.order import Side
from pi5.domain.signal import Signal
from pi5.risk.exposure import Claim
from pi5.risk.sizing import fixed_fraction, fixed_qty

Method = Callable[[Sizing, Decimal, Decimal, Decimal], tuple[Decimal, str]]
METHODS: dict[SizingMethod, Method] = {
    SizingMethod.FIXED_QTY: fixed_qty.size,
    SizingMethod.FIXED_FRACTION: fixed_fraction.size,
}


@dataclass(frozen=True, slots=True)
class Sized:
    """A quantity and how it came about; `code` says why there is none."""

    qty: Decimal
    how: str
    code: str = ""


def size_signal(
    signal: Signal,
    limits: Limits,
    claim: Claim,
    instrument: Instrument | None,
    price: Decimal | None,
    equity: Decimal | None,
) -> Sized:
    """Return the quantity for a signal."""
    if instrument is None:
        return Sized(ZERO, f"{signal.symbol} is not known, so there is no lot size", "NO_SIZE")
    free = claim.held - claim.selling if signal.side is Side.SELL else -claim.held - claim.buying
    against = claim.held * signal.side.sign < 0
    if against:
        return _close(free, instrument.lot_size, signal.side)
    if signal.side is Side.SELL and not limits.allow_short:
        return Sized(
            ZERO, "the strategy holds nothing to sell and short selling is off", "NOTHING_TO_SELL"
        )
    if signal.close_only:
        return Sized(ZERO, "the strategy holds nothing that this would close", "NOTHING_TO_CLOSE")
    if price is None or equity is None:
        return Sized(ZERO, "there is no price or no equity yet to size with", "NO_SIZE")
    sizing = limits.sizing or Sizing()
    qty, how = METHODS[sizing.method](sizing, equity, price, instrument.lot_size)
    return Sized(qty, how, "" if qty > 0 else "SIZE_TOO_SMALL")


def _close(free: Decimal, lot: Decimal, side: Side) -> Sized:
    qty = round_down(max(free, ZERO), lot)
    if qty > 0:
        return Sized(qty, f"closes the {wire(qty)} that the strategy holds")
    code = "NOTHING_TO_SELL" if side is Side.SELL else "NOTHING_TO_CLOSE"
    return Sized(ZERO, "all that the strategy holds is being closed already", code)
