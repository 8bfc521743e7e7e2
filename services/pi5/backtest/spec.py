"""What a run is: strategy, data, costs, limits and seed. Pure values, and their canonical text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import Enum
from typing import Any

from pi5.domain.errors import InvalidInput
from pi5.domain.limits import DEFAULT_LIMITS, Limits
from pi5.domain.market import Timeframe
from pi5.domain.money import ZERO, wire
from pi5.strategy.api import Value, as_text

DEFAULT_CASH = Decimal(100_000)
MOST_SYMBOLS = 100


@dataclass(frozen=True, slots=True)
class Costs:
    """What fills cost.

    `fee_rate` is a share of the value, `slippage_rate` of the price; `max_volume_share` is the most
    of a bar's volume that one order may take (None: no limit). `latency_ms` counts from the
    decision; what is shorter than the rest of a bar changes nothing, since a bar does not tell
    what happened when inside it.
    """

    fee_rate: Decimal = ZERO
    min_fee: Decimal = ZERO
    slippage_rate: Decimal = ZERO
    latency_ms: int = 0
    max_volume_share: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """One run. Times in ns since 1970, 0 for the beginning or end of the data."""

    strategy_type: str
    symbols: tuple[str, ...]
    timeframe: Timeframe = Timeframe.D1
    start_ns: int = 0
    end_ns: int = 0
    parameters: Mapping[str, Value] = field(default_factory=dict)
    initial_cash: Decimal = DEFAULT_CASH
    costs: Costs = Costs()
    limits: Limits = DEFAULT_LIMITS
    seed: int = 0
    currency: str = "USD"

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises:
            InvalidInput: MISSING_FIELD, TOO_MANY_SYMBOLS or OUT_OF_BOUNDS with the field.
        """
        if not self.symbols:
            raise InvalidInput("MISSING_FIELD", "a backtest needs a symbol", field="spec.symbols")
        if len(self.symbols) > MOST_SYMBOLS:
            raise InvalidInput(
                "TOO_MANY_SYMBOLS",
                f"a backtest takes at most {MOST_SYMBOLS} symbols",
                field="spec.symbols",
            )
        costs = self.costs
        share = costs.max_volume_share
        bounds = (
            ("initial_cash", self.initial_cash > 0, "more than 0"),
            ("costs.fee_rate", 0 <= costs.fee_rate < 1, "at least 0 and below 1"),
            ("costs.min_fee", costs.min_fee >= 0, "at least 0"),
            ("costs.slippage_rate", 0 <= costs.slippage_rate < 1, "at least 0 and below 1"),
            ("costs.max_volume_share", share is None or 0 < share <= 1, "above 0, at most 1"),
            ("end_time", not self.end_ns or self.end_ns > self.start_ns, "after start_time"),
        )
        for name, holds, rule in bounds:
            if not holds:
                path = f"spec.{name}"
                raise InvalidInput("OUT_OF_BOUNDS", f"{path} must be {rule}", field=path)

    def with_parameters(self, parameters: Mapping[str, Value]) -> Spec:
        """Return the spec with other parameters."""
        return replace(self, parameters=dict(parameters))

    def canonical(self) -> bytes:
        """Return the spec as bytes that are equal for equal specs, however they were written."""
        return json.dumps(_plain(self), sort_keys=True, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it: decimals in canonical digits, parameters as text."""
    if isinstance(value, Decimal):
        return wire(value)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): as_text(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    return value
