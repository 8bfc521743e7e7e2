"""What the engine wants done: committed first, then acted on, in this order."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from pi5.domain.broker import Discrepancy
from pi5.domain.event import OrderEvent
from pi5.domain.order import Fill, Order


class IntentState(IntEnum):
    """How far the will to send an order has come."""

    COMMITTED = 1  # may be sent at any time, or may have been
    ANSWERED = 2  # the broker has it, or had it
    REFUSED = 3  # the broker refused it
    ABSENT = 4  # the broker was shown not to have it
    NOT_SENT = 5  # given up before it was sent


@dataclass(frozen=True, slots=True)
class Intent:
    """The committed will to send an order; `settled_at_ns` is 0 while its fate is open."""

    client_order_id: str
    order_id: str
    state: IntentState
    created_at_ns: int
    settled_at_ns: int = 0


@dataclass(slots=True)
class Effects:
    """What one input of the engine leads to.

    `orders`, `intents`, `fills` and `events` belong into one transaction. After it `sends` and
    `cancels` (order ids) go to the broker, `look_ups` are asked of it, and `halt` (a reason; empty
    for none) is asked of risk.
    """

    orders: list[Order] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    events: list[OrderEvent] = field(default_factory=list)
    sends: list[str] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    look_ups: list[str] = field(default_factory=list)
    discrepancies: list[Discrepancy] = field(default_factory=list)
    halt: str = ""
    # What identifies the terms that were asked for, where that is not what was approved.
    params_hash: bytes = b""

    @property
    def stored(self) -> bool:
        """True when there is something to commit."""
        return bool(self.orders or self.intents or self.fills or self.events)

    def join(self, more: Effects) -> None:
        """Add what a further input leads to; both belong into the same transaction."""
        self.orders += more.orders
        self.intents += more.intents
        self.fills += more.fills
        self.events += more.events
        self.sends += more.sends
        self.cancels += more.cancels
        self.look_ups += more.look_ups
        self.discrepancies += more.discrepancies
        self.halt = self.halt or more.halt
