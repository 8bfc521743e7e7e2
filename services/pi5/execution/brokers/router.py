"""Which broker an instrument's orders go to: the one that serves its venue."""

from __future__ import annotations

from collections.abc import Sequence

from pi5.domain.broker import BrokerPromises
from pi5.domain.errors import Precondition
from pi5.domain.instrument import Instrument

ANY_VENUE = "*"


def route(instrument: Instrument, brokers: Sequence[BrokerPromises]) -> str:
    """Return the name of the broker: one that names the venue, else one that takes any.

    Raises:
        Precondition: NO_BROKER.

    >>> from decimal import Decimal as D
    >>> from pi5.domain.broker import Deduplication as Dup
    >>> from pi5.domain.instrument import AssetClass
    >>> acme = Instrument("ACME", "", AssetClass.EQUITY, "USD", "XPI5", D("0.01"), D(1))
    >>> paper = BrokerPromises("paper", False, Dup.FOREVER, True, 0, ("*",))
    >>> other = BrokerPromises("other", False, Dup.NONE, True, 0, ("XPI5",))
    >>> route(acme, [paper, other]), route(acme, [paper])
    ('other', 'paper')
    """
    for wanted in (instrument.venue, ANY_VENUE):
        for broker in brokers:
            if wanted in broker.venues:
                return broker.name
    raise Precondition(
        "NO_BROKER", f"no broker serves {instrument.venue}, where {instrument.symbol} trades"
    )
