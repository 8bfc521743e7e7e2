"""Instruments, a clock that tests set, and short ways to make events."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pi5.data.catalogue import Catalogue
from pi5.domain.instrument import AssetClass, Instrument

NOW_NS = 1_700_000_000_000_000_000


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ns: int = NOW_NS) -> None:
        self.time_ns = now_ns

    def now_ns(self) -> int:
        return self.time_ns

    def monotonic_ns(self) -> int:
        return self.time_ns


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def acme() -> Instrument:
    return Instrument("ACME", "Acme", AssetClass.EQUITY, "USD", "SIM", Decimal("0.01"), Decimal(1))


@pytest.fixture
def catalogue(acme: Instrument) -> Catalogue:
    return Catalogue([acme])
