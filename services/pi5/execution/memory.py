"""The orders that are in memory: all open ones, and the newest closed ones for late reports."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from decimal import Decimal

from pi5.domain.errors import Conflict
from pi5.domain.money import ZERO
from pi5.domain.order import Order


@dataclass(slots=True)
class Entry:
    """An order and what must be remembered beside it.

    `settled` tells whether its intent is: until then only evidence may end it.
    `reported_qty` is the most that the broker said is filled, in all.
    """

    order: Order
    reference_price: Decimal | None = None
    settled: bool = False
    reported_qty: Decimal = ZERO
    executions: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)

    @property
    def behind(self) -> bool:
        """True when the broker reported more than it has told us the executions of."""
        return self.reported_qty > self.order.filled_qty


class OrderMemory:
    """Orders by id, by client order id and by execution."""

    def __init__(self, closed_kept: int) -> None:
        self._closed_kept = closed_kept
        self._entries: dict[str, Entry] = {}
        self._ids: dict[str, str] = {}
        self._owners: dict[tuple[str, str], str] = {}
        self._closed: OrderedDict[str, None] = OrderedDict()

    def get(self, order_id: str) -> Entry | None:
        """Return an order by its id."""
        return self._entries.get(order_id)

    def by_client_id(self, client_order_id: str) -> Entry | None:
        """Return an order by its client order id."""
        return self._entries.get(self._ids.get(client_order_id, ""))

    def open(self) -> list[Entry]:
        """Return the orders that have not ended, oldest first."""
        return [e for key, e in self._entries.items() if key not in self._closed]

    def add(self, entry: Entry) -> Entry:
        """Take in a new order.

        Raises:
            Conflict: CLIENT_ORDER_ID_REUSED.
        """
        client_order_id = entry.order.terms.client_order_id
        if client_order_id in self._ids or entry.order.id in self._entries:
            raise Conflict("CLIENT_ORDER_ID_REUSED", f"{client_order_id} is taken")
        self.keep(entry)
        return entry

    def keep(self, entry: Entry) -> None:
        """Take in an order from the store."""
        self._entries[entry.order.id] = entry
        self._ids[entry.order.terms.client_order_id] = entry.order.id
        for execution_id in entry.executions:
            self.own(entry, execution_id)
        if entry.order.status.final:
            self.close(entry)

    def own(self, entry: Entry, execution_id: str) -> str:
        """Claim an execution for an order; return the id of the order that has it."""
        return self._owners.setdefault((entry.order.terms.account, execution_id), entry.order.id)

    def close(self, entry: Entry) -> None:
        """Note that an order has ended, and forget the oldest of those that have."""
        self._closed[entry.order.id] = None
        self._closed.move_to_end(entry.order.id)
        while len(self._closed) > self._closed_kept:
            oldest, _ = self._closed.popitem(last=False)
            gone = self._entries.pop(oldest)
            del self._ids[gone.order.terms.client_order_id]
            for execution_id in gone.executions:
                del self._owners[gone.order.terms.account, execution_id]
