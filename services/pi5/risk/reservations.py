"""What approved orders may still use of the limits, so that nothing is counted twice or dropped.

Two streams tell risk what became of an order: the order log and the portfolio's view. A fill is
part of the reservation until the view contains it, however the streams overtake each other; what
can no longer be filled is given back as soon as the log says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from pi5.domain.event import OrderEvent
from pi5.domain.money import EXACT, ZERO
from pi5.domain.order import Order, Side


@dataclass(frozen=True, slots=True)
class Reservation:
    """One order's claim.

    `price` is the worst price it is valued at. `lapses_at_ns` counts only until the order appears
    in the log (`first_sequence`). `settled_qty` is filled and contained in the view; `fills` are
    (sequence, qty) of fills that are not known to be. `final_sequence` is 0 while it works.
    """

    client_order_id: str
    account: str
    strategy_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    decided_at_ns: int
    lapses_at_ns: int
    first_sequence: int = 0
    final_sequence: int = 0
    settled_qty: Decimal = ZERO
    fills: tuple[tuple[int, Decimal], ...] = ()

    def after(self, event: OrderEvent) -> Reservation:
        """Return the claim after an event of its order."""
        fills = self.fills
        if event.fill is not None:
            fills = (*fills, (event.sequence, event.fill.qty))
        final = self.final_sequence
        if event.order is not None and event.order.status.final:
            final = event.sequence
        return replace(
            self,
            fills=fills,
            first_sequence=self.first_sequence or event.sequence,
            final_sequence=final,
        )

    def seen(self, applied_sequence: int) -> Reservation:
        """Return the claim once the view contains the log up to a sequence."""
        contained = [qty for sequence, qty in self.fills if sequence <= applied_sequence]
        if not contained:
            return self
        with localcontext(EXACT):
            settled = sum(contained, self.settled_qty)
        rest = tuple(fill for fill in self.fills if fill[0] > applied_sequence)
        return replace(self, settled_qty=settled, fills=rest)

    @property
    def filled_ahead(self) -> Decimal:
        """Quantity that the log says is filled and the view does not contain yet."""
        with localcontext(EXACT):
            return sum((qty for _, qty in self.fills), ZERO)

    @property
    def outstanding(self) -> Decimal:
        """Quantity that may still come on top of what the view holds."""
        with localcontext(EXACT):
            if self.final_sequence:
                return sum((qty for _, qty in self.fills), ZERO)
            return max(self.qty - self.settled_qty, ZERO)

    def released(self, applied_sequence: int) -> bool:
        """Tell whether the view contains everything that became of the order."""
        return bool(self.final_sequence) and applied_sequence >= self.final_sequence


def claim_of(order: Order, price: Decimal) -> Reservation:
    """Return the claim of an order that is known from the log only.

    Fills that went before are in the order's totals; the event's own fill is added by `after`.
    """
    terms = order.terms
    return Reservation(
        client_order_id=terms.client_order_id,
        account=terms.account,
        strategy_id=terms.strategy_id,
        symbol=terms.symbol,
        side=terms.side,
        qty=order.qty,
        price=price,
        decided_at_ns=order.created_at_ns,
        lapses_at_ns=0,
    )


class Reservations:
    """All claims, by client order id; as many as there are working orders."""

    def __init__(self) -> None:
        self._claims: dict[str, Reservation] = {}

    def __len__(self) -> int:
        """Count the claims."""
        return len(self._claims)

    def __iter__(self) -> Iterator[Reservation]:
        """Give the claims."""
        return iter(self._claims.values())

    def get(self, client_order_id: str) -> Reservation | None:
        """Return one claim."""
        return self._claims.get(client_order_id)

    def put(self, claim: Reservation) -> None:
        """Take a claim in, in place of an earlier one of the same order."""
        self._claims[claim.client_order_id] = claim

    def settle(self, account: str, applied_sequence: int) -> None:
        """Give back what the view of an account now contains."""
        for claim in list(self._claims.values()):
            if claim.account != account:
                continue
            if claim.released(applied_sequence):
                del self._claims[claim.client_order_id]
            elif claim.fills:
                self._claims[claim.client_order_id] = claim.seen(applied_sequence)

    def lapse(self, until_ns: int) -> list[Reservation]:
        """Give back claims whose order never appeared in the log; return them."""
        lapsed = [
            claim
            for claim in self._claims.values()
            if not claim.first_sequence and claim.lapses_at_ns <= until_ns
        ]
        for claim in lapsed:
            del self._claims[claim.client_order_id]
        return lapsed
