"""Identity of a run: ids that follow from the seed, and one hash over inputs and outputs."""

from __future__ import annotations

import hashlib
import struct

from pi5.domain.decision import Decision
from pi5.domain.market import Bar
from pi5.domain.money import wire
from pi5.domain.order import Fill

_BAR = struct.Struct("<q5d")


class IdSequence:
    """Ids in the form of UUIDs, counted up from a seed: equal runs give equal ids.

    >>> ids = IdSequence(1)
    >>> first, second = ids(), ids()
    >>> first == IdSequence(1)(), first != second, len(first)
    (True, True, 36)
    """

    def __init__(self, seed: int) -> None:
        head = hashlib.sha256(f"backtest {seed}".encode()).hexdigest()
        # Version 8: a UUID whose bits have a meaning of their own.
        self._head = f"{head[:8]}-{head[8:12]}-8{head[12:15]}-8{head[15:18]}-"
        self._count = 0

    def __call__(self) -> str:
        """Return the next id."""
        self._count += 1
        return f"{self._head}{self._count:012x}"


class Digest:
    """SHA-256 over the spec, every bar, every decision and every fill, in their order."""

    def __init__(self, spec: bytes) -> None:
        self._hash = hashlib.sha256(spec)

    def bar(self, bar: Bar) -> None:
        """Take an input. Floats serve as a canonical form: 5.0 and 5.00 are the same price."""
        self._hash.update(bar.symbol.encode())
        self._hash.update(
            _BAR.pack(
                bar.time_ns,
                float(bar.open),
                float(bar.high),
                float(bar.low),
                float(bar.close),
                float(bar.volume),
            )
        )

    def decision(self, decision: Decision) -> None:
        """Take a decision: the order it made, or why there is none."""
        order = decision.approved_order
        text = (
            f"D|{decision.signal_id}|{decision.symbol}|{decision.side}|{decision.approved}|"
            f"{decision.reject_code}|{wire(order.qty) if order else ''}|{decision.decided_at_ns}"
        )
        self._hash.update(text.encode())

    def fill(self, fill: Fill) -> None:
        """Take a fill."""
        text = (
            f"F|{fill.execution_id}|{fill.client_order_id}|{fill.side}|{wire(fill.qty)}|"
            f"{wire(fill.price)}|{wire(fill.fee)}|{fill.time_ns}"
        )
        self._hash.update(text.encode())

    def hexdigest(self) -> str:
        """Return the hash so far."""
        return self._hash.hexdigest()
