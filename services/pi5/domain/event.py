"""An event of the order log: what portfolio, risk and the dashboard learn from."""

from __future__ import annotations

from dataclasses import dataclass

from pi5.domain.decision import Decision
from pi5.domain.order import Fill, Order, OrderEventType
from pi5.domain.signal import Signal


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One event; `sequence` is 0 until the log has numbered it."""

    id: str
    type: OrderEventType
    time_ns: int
    causation_id: str
    order: Order | None = None
    fill: Fill | None = None
    decision: Decision | None = None
    signal: Signal | None = None
    sequence: int = 0
