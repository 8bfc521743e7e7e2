"""What is held: quantity, average price and profit, exact to the last digit.

Average-cost accounting: adding to a position moves the average, reducing it realises profit
against the average, and going through zero closes one position and opens the other.
Cost is kept as a sum (`cost`), not as an average, so no rounding ever enters the books:
at any time  cash_change = -(sum of buys) + (sum of sells) - fees  and
realized_pnl - fees + (mark * qty - cost) = cash_change + mark * qty.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext

from pi5.domain.money import EXACT, ZERO
from pi5.domain.order import Side

# Reducing a position takes a part of its cost; the part is rounded to this grid, and the rest
# stays in the cost, so both always add up.
_GRID = Decimal(1).scaleb(-12)


@dataclass(frozen=True, slots=True)
class Position:
    """Holding of one instrument by one strategy in one account.

    `qty` is negative when short; `cost` is what the held quantity was bought for (negative when
    short); all amounts in the instrument's currency. `opened_at_ns` is 0 while flat.
    """

    qty: Decimal = ZERO
    cost: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    opened_at_ns: int = 0

    @property
    def avg_entry_price(self) -> Decimal:
        """Average price of what is held, rounded to 12 places; 0 when flat."""
        if not self.qty:
            return ZERO
        with localcontext(EXACT):
            return round(self.cost / self.qty, 12)

    def unrealized_pnl(self, mark: Decimal | None) -> Decimal:
        """Profit of what is held at a price; 0 while there is no price."""
        if mark is None or not self.qty:
            return ZERO
        with localcontext(EXACT):
            return mark * self.qty - self.cost

    def market_value(self, mark: Decimal | None) -> Decimal:
        """Quantity times price; at cost while there is no price."""
        if mark is None:
            return self.cost
        with localcontext(EXACT):
            return mark * self.qty

    def after_fill(
        self, side: Side, qty: Decimal, price: Decimal, fee: Decimal, time_ns: int
    ) -> Position:
        """Return the position after an execution.

        >>> p = Position().after_fill(Side.BUY, Decimal(10), Decimal(5), Decimal(1), 1)
        >>> p = p.after_fill(Side.SELL, Decimal(4), Decimal(7), Decimal(0), 2)
        >>> p.qty, p.cost, p.realized_pnl, p.fees
        (Decimal('6'), Decimal('30.000000000000'), Decimal('8.000000000000'), Decimal('1'))
        """
        with localcontext(EXACT):
            signed = qty * side.sign
            fees = self.fees + fee
            if self.qty * signed >= 0:
                return Position(
                    qty=self.qty + signed,
                    cost=self.cost + signed * price,
                    realized_pnl=self.realized_pnl,
                    fees=fees,
                    opened_at_ns=self.opened_at_ns or time_ns,
                )
            closed = -signed if abs(signed) <= abs(self.qty) else self.qty
            if closed == self.qty:
                cost_closed = self.cost
            else:
                cost_closed = (self.cost * closed / self.qty).quantize(_GRID)
            realized = self.realized_pnl + closed * price - cost_closed
            opened = signed + closed
            rest = self.qty - closed
            return Position(
                qty=rest + opened,
                cost=self.cost - cost_closed + opened * price,
                realized_pnl=realized,
                fees=fees,
                opened_at_ns=time_ns if opened else (self.opened_at_ns if rest else 0),
            )
