"""What the account could hold at worst: positions and all reserved orders, valued.

For each strategy and symbol the worst of two ends counts: all reserved buys filled and no sell, or
all sells and no buy. Strategies do not offset each other, because either may close first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from pi5.domain.limits import LimitScope
from pi5.domain.mark import Marks
from pi5.domain.money import EXACT, ZERO
from pi5.domain.order import Side
from pi5.domain.portfolio import PortfolioView
from pi5.risk.reservations import Reservation

Key = tuple[str, str]  # strategy_id, symbol


@dataclass(slots=True)
class Claim:
    """Held, and reserved to be bought and sold; `price` is the highest of mark and orders."""

    held: Decimal = ZERO
    buying: Decimal = ZERO
    selling: Decimal = ZERO
    price: Decimal | None = None

    def worst_value(self, side: Side | None, qty: Decimal, price: Decimal | None) -> Decimal:
        """Return the largest value this can come to, with a further order."""
        buying = self.buying + (qty if side is Side.BUY else ZERO)
        selling = self.selling + (qty if side is Side.SELL else ZERO)
        used = max((p for p in (self.price, price) if p is not None), default=ZERO)
        return max(abs(self.held + buying), abs(self.held - selling)) * used


@dataclass(slots=True)
class Exposure:
    """Everything one account holds and has reserved."""

    account: str
    claims: dict[Key, Claim] = field(default_factory=dict)
    reserved_cash: Decimal = ZERO
    working: int = 0
    unpriced: tuple[str, ...] = ()

    def claim(self, strategy_id: str, symbol: str) -> Claim:
        """Return what one strategy holds and has reserved in a symbol."""
        return self.claims.get((strategy_id, symbol), _NONE)

    def worst_value(
        self,
        scope: LimitScope,
        key: Key | None = None,
        side: Side | None = None,
        qty: Decimal = ZERO,
        price: Decimal | None = None,
    ) -> Decimal:
        """Return the largest value of all that a scope covers, with a further order at `key`."""
        claims = self.claims
        if key is not None and key not in claims:
            claims = {**claims, key: Claim()}
        total = ZERO
        with localcontext(EXACT):
            for place, claim in claims.items():
                if scope.covers(self.account, *place):
                    if place == key:
                        total += claim.worst_value(side, qty, price)
                    else:
                        total += claim.worst_value(None, ZERO, None)
        return total


_NONE = Claim()


def measure(
    view: PortfolioView, reservations: Iterable[Reservation], marks: Marks, without: str = ""
) -> Exposure:
    """Add positions and reservations of the view's account up; `without` leaves one order out."""
    found = Exposure(view.account)
    claims = found.claims
    unpriced = set()
    for key, qty in view.positions.items():
        price = marks.price(key[1])
        claims[key] = Claim(held=qty, price=price)
        if qty and price is None:
            unpriced.add(key[1])
    with localcontext(EXACT):
        for reservation in reservations:
            if reservation.account != view.account or reservation.client_order_id == without:
                continue
            found.working += not reservation.final_sequence
            rest = reservation.outstanding
            if not rest:
                continue
            key = (reservation.strategy_id, reservation.symbol)
            claim = claims.get(key)
            if claim is None:
                claim = claims[key] = Claim(price=marks.price(reservation.symbol))
            claim.price = max(claim.price or ZERO, reservation.price)
            # What the log says is filled is held, though the view does not show it yet: an exit
            # right after its entry finds what it closes.
            ahead = reservation.filled_ahead
            claim.held += ahead * reservation.side.sign
            if reservation.side is Side.BUY:
                claim.buying += rest - ahead
                found.reserved_cash += rest * reservation.price
            else:
                claim.selling += rest - ahead
    found.unpriced = tuple(sorted(unpriced))
    return found
