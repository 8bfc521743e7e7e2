"""The last price of instruments that only send bars."""

from __future__ import annotations

import json
from decimal import Decimal

from pi5.domain.market import Bar, Quote, Timeframe
from pi5.kit.wire.market import MarketEvents, batch_to
from pi5_web.live.quotes import QuoteBoard

NOW = 1_700_000_000_000_000_000


def test_a_replayed_bar_moves_the_last_price() -> None:
    """A quote that comes with a bar carries the bar's close as its last price."""
    price = [Decimal(n) for n in (10, 12, 9, 11)]
    events = MarketEvents(
        quotes=[Quote("SPX", NOW, Decimal("10.9"), Decimal(5), Decimal("11.1"), Decimal(5))],
        bars=[Bar("SPX", Timeframe.D1, NOW, *price, Decimal(100))],
    )
    flush = QuoteBoard().take(batch_to(events, 1, "epoch"))
    quote = json.loads(flush.text(frozenset()) or "")["quotes"][0]
    assert Decimal(quote["last_price"]) == 11
