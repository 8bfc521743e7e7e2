"""What risk and strategies need to know of a portfolio at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from pi5.domain.money import ZERO


@dataclass(frozen=True, slots=True)
class PortfolioView:
    """An account at one moment, as far as the order log has been applied.

    `positions` maps (strategy_id, symbol) to the quantity held, negative when short. All amounts
    are in `currency`. `applied_sequence` is the last event of the order log that is in it.
    """

    account: str
    currency: str
    equity: Decimal
    cash: Decimal
    day_start_equity: Decimal
    high_equity: Decimal
    applied_sequence: int
    time_ns: int
    positions: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)

    def qty(self, symbol: str, strategy_id: str | None = None) -> Decimal:
        """Return the quantity held of a symbol, by one strategy or by all."""
        if strategy_id is not None:
            return self.positions.get((strategy_id, symbol), ZERO)
        return sum((q for (_, held), q in self.positions.items() if held == symbol), ZERO)
