"""The synthetic market behaves like a market, and twice the same."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from pi5.data.providers.synthetic import book_of, synthetic_instrument
from pi5.data.providers.synthetic_market import Opening, Step, SyntheticMarket
from pi5.domain.market import Quote, Trade
from pi5.domain.money import is_multiple

NS = 1_000_000_000
BEGIN = 1_700_000_000 * NS
seeds = st.integers(0, 2**32)


def open_market(seed: int, symbols: Sequence[str] = ("ACME", "GLOBEX")) -> SyntheticMarket:
    openings = [
        Opening(synthetic_instrument(symbol), 10_000, 10_000, Random(f"{seed} {symbol}"))
        for symbol in symbols
    ]
    return SyntheticMarket(openings, orders_per_second=20, now_ns=BEGIN)


def run(market: SyntheticMarket, cuts: Sequence[int]) -> tuple[list[Quote], list[Trade]]:
    steps: list[Step] = [market.step(duration_ns) for duration_ns in cuts]
    return [q for s in steps for q in s.quotes], [t for s in steps for t in s.trades]


@settings(max_examples=20)
@given(seeds, st.lists(st.integers(0, 3 * NS), min_size=1, max_size=12))
def test_the_seed_decides_everything_and_the_steps_nothing(seed: int, cuts: list[int]) -> None:
    """The same seed gives the same events, however the same time is cut into steps."""
    assert run(open_market(seed), cuts) == run(open_market(seed), [sum(cuts)])


@settings(max_examples=10)
@given(seeds)
def test_a_symbol_does_not_depend_on_the_others(seed: int) -> None:
    """Adding an instrument changes nothing for those that were there."""
    _, alone = run(open_market(seed, ["ACME"]), [20 * NS])
    _, together = run(open_market(seed), [20 * NS])
    assert alone == [trade for trade in together if trade.symbol == "ACME"]


@settings(max_examples=20)
@given(seeds)
def test_it_is_never_crossed_and_always_on_the_grid(seed: int) -> None:
    """Bid below ask, both sides offered, whole ticks and lots, time order, at every moment."""
    market = open_market(seed)
    quotes, trades = run(market, [30 * NS])
    assert trades
    for quote in quotes:
        assert quote.bid_price is not None
        assert quote.ask_price is not None
        assert 0 < quote.bid_price < quote.ask_price
        assert min(quote.bid_size, quote.ask_size) > 0
        assert is_multiple(quote.bid_price, synthetic_instrument("ACME").tick_size)
    for trade in trades:
        assert trade.price > 0
        assert trade.size > 0
        assert trade.aggressor in (1, 2)
    for events in (quotes, trades):
        times = [event.time_ns for event in events]
        assert times == sorted(times)
        assert times[0] >= BEGIN
        assert times[-1] <= BEGIN + 30 * NS
    book = book_of(market.markets["ACME"], 10, market.now_ns)
    assert not book.crossed
    assert [level.price for level in book.bids] == sorted(
        (level.price for level in book.bids), reverse=True
    )


@settings(max_examples=20)
@given(seeds)
def test_no_lot_appears_or_vanishes(seed: int) -> None:
    """Lots sent in are resting, traded (once for each side) or canceled, and reported as traded."""
    market = open_market(seed)
    _, trades = run(market, [30 * NS])
    for symbol, one in market.markets.items():
        resting = sum(level[1] for side in one.engine.depth(10_000) for level in side)
        volume = one.volume
        assert volume.submitted == resting + 2 * volume.traded + volume.canceled
        assert volume.traded == sum(t.size for t in trades if t.symbol == symbol)


def test_prices_move_enough_for_averages_to_cross() -> None:
    """Within five minutes the 5 and 12 second averages cross several times: strategies trade."""
    market = open_market(5, ["ACME"])
    closes = []
    for _ in range(300):
        trades = market.step(NS).trades
        closes.append(trades[-1].price if trades else closes[-1])
    fast = [sum(closes[i - 5 : i]) / 5 for i in range(12, 300)]
    slow = [sum(closes[i - 12 : i]) / 12 for i in range(12, 300)]
    above = [f > s for f, s in zip(fast, slow, strict=True)]
    crossings = sum(a != b for a, b in itertools.pairwise(above))
    assert crossings >= 5
    assert max(closes) < 2 * min(closes)


def test_after_a_suspension_it_goes_on_without_making_up() -> None:
    """A market that slept has no trades in the time it slept."""
    market = open_market(1)
    market.step(NS)
    market.sleep_until(BEGIN + 3_600 * NS)
    step = market.step(NS)
    assert step.trades
    assert all(trade.time_ns >= BEGIN + 3_600 * NS for trade in step.trades)
    assert len(step.trades) < 100
