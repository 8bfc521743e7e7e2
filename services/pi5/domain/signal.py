"""A strategy's wish, before anybody sized or judged it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from pi5.domain.order import Side


@dataclass(frozen=True, slots=True)
class Signal:
    """A wish to be long, short or out.

    `strength` and `confidence` lie in 0..1. `reference_price` is what the strategy saw;
    `event_time_ns` the time of the market event behind it.
    """

    id: str
    strategy_id: str
    symbol: str
    side: Side
    strength: float
    confidence: float
    reason: str
    reference_price: Decimal | None
    event_time_ns: int
    created_at_ns: int
    close_only: bool = False
    inputs: Mapping[str, float] = field(default_factory=dict)
