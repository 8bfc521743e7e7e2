"""The books of one account: a pure projection of the order log, exact to the last digit.

Nothing here knows prices of the market: what is held, what it cost, cash, fees and closed trades
follow from the fills alone, so they can be built again from the log at any time and compared.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from pi5.domain.errors import Precondition
from pi5.domain.event import OrderEvent
from pi5.domain.money import EXACT, ZERO, wire
from pi5.domain.order import Fill
from pi5.domain.position import Position
from pi5.portfolio.trades import ClosedTrade, RoundTrip, advance

# Executions remembered in memory; the table of applied fills remembers all of them.
REMEMBERED_FILLS = 100_000
Key = tuple[str, str]  # strategy_id, symbol


@dataclass(frozen=True, slots=True)
class Holding:
    """A position with the trade that is open in it and the value traded so far."""

    position: Position = field(default_factory=Position)
    open_trade: RoundTrip | None = None
    traded: Decimal = ZERO
    updated_at_ns: int = 0


@dataclass(frozen=True, slots=True)
class PortfolioChange:
    """What one event did to the books."""

    sequence: int
    fill: Fill | None = None
    key: Key | None = None
    holding: Holding | None = None
    cash: Decimal | None = None
    closed_trade: ClosedTrade | None = None


class RecentFills:
    """Ids of the newest executions that were applied, bounded."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict.fromkeys(ids)

    def __contains__(self, execution_id: str) -> bool:
        """Tell whether the execution is among them."""
        return execution_id in self._ids

    def add(self, ids: Iterable[str]) -> None:
        """Remember more, forgetting the oldest."""
        for execution_id in ids:
            self._ids[execution_id] = None
            if len(self._ids) > REMEMBERED_FILLS:
                self._ids.popitem(last=False)


class Books:
    """Holdings and cash of one account after event `sequence` of the order log."""

    def __init__(
        self, account: str, currency: str, initial_cash: Decimal, recent: RecentFills | None = None
    ) -> None:
        self.account = account
        self.currency = currency
        self.initial_cash = initial_cash
        self.cash = initial_cash
        self.sequence = 0
        self.holdings: dict[Key, Holding] = {}
        self._recent = recent or RecentFills()
        self._fresh: dict[str, None] = {}

    def staged(self) -> Books:
        """Return a copy to apply events to, while these books stay as they are.

        Holdings are immutable, so the copy is shallow; both share the remembered executions, and
        the copy's new ones join them with `settle`.
        """
        copy = Books(self.account, self.currency, self.initial_cash, self._recent)
        copy.cash, copy.sequence = self.cash, self.sequence
        copy.holdings = dict(self.holdings)
        copy._fresh = dict(self._fresh)
        return copy

    def settle(self) -> None:
        """Let the executions applied to this copy be remembered by every later copy."""
        self._recent.add(self._fresh)
        self._fresh = {}

    def remember(self, execution_ids: Iterable[str]) -> None:
        """Learn from the store that executions were applied before."""
        self._recent.add(execution_ids)

    def apply(self, event: OrderEvent) -> PortfolioChange | None:
        """Apply one event; None when it was applied before.

        Raises:
            Precondition: SEQUENCE_GAP, when events are missing before it: read the log again from
                `sequence`. UNKNOWN_ACCOUNT or CURRENCY_NOT_SUPPORTED for a fill that these books
                cannot hold.
        """
        if event.sequence <= self.sequence:
            return None
        if event.sequence != self.sequence + 1:
            raise Precondition(
                "SEQUENCE_GAP",
                f"event {event.sequence} came after {self.sequence}; the log must be read again "
                "from there",
            )
        fill = event.fill
        if fill is None or self._applied(fill.execution_id):
            self.sequence = event.sequence
            return PortfolioChange(event.sequence)
        self._refuse_foreign(fill)
        self.sequence = event.sequence
        return self._apply_fill(fill)

    def _applied(self, execution_id: str) -> bool:
        return execution_id in self._fresh or execution_id in self._recent

    def _refuse_foreign(self, fill: Fill) -> None:
        if fill.account != self.account:
            raise Precondition(
                "UNKNOWN_ACCOUNT",
                f"execution {fill.execution_id} belongs to the account {fill.account}, these are "
                f"the books of {self.account}",
            )
        if fill.currency != self.currency:
            raise Precondition(
                "CURRENCY_NOT_SUPPORTED",
                f"execution {fill.execution_id} is in {fill.currency}; the account "
                f"{self.account} is kept in {self.currency} only",
            )

    def _apply_fill(self, fill: Fill) -> PortfolioChange:
        key = (fill.strategy_id, fill.symbol)
        before = self.holdings.get(key, Holding())
        open_trade, closed = advance(before.open_trade, before.position.qty, fill)
        with localcontext(EXACT):
            value = fill.qty * fill.price
            holding = Holding(
                position=before.position.after_fill(
                    fill.side, fill.qty, fill.price, fill.fee, fill.time_ns
                ),
                open_trade=open_trade,
                traded=before.traded + value,
                updated_at_ns=fill.time_ns,
            )
            self.cash -= fill.side.sign * value + fill.fee
        self.holdings[key] = holding
        self._fresh[fill.execution_id] = None
        return PortfolioChange(self.sequence, fill, key, holding, self.cash, closed)

    def differences(self, other: Books) -> list[str]:
        """Return where other books differ from these, each in a sentence; empty when equal."""
        found = []
        for key in sorted(self.holdings.keys() | other.holdings.keys()):
            mine = self.holdings.get(key, Holding()).position
            theirs = other.holdings.get(key, Holding()).position
            for figure in ("qty", "cost", "realized_pnl", "fees"):
                left, right = getattr(mine, figure), getattr(theirs, figure)
                if left != right:
                    found.append(f"{key[0]} {key[1]}: {figure} {wire(left)} against {wire(right)}")
        for figure in ("cash", "initial_cash"):
            left, right = getattr(self, figure), getattr(other, figure)
            if left != right:
                found.append(f"{figure} {wire(left)} against {wire(right)}")
        if self.sequence != other.sequence:
            found.append(f"sequence {self.sequence} against {other.sequence}")
        return found
