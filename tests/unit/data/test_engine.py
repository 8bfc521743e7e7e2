"""What the engine lets in, completes and calls stale."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pi5.data.catalogue import Catalogue
from pi5.data.engine import MarketEngine
from pi5.domain.errors import NotFound
from pi5.domain.market import Bar, Quote, Timeframe, Trade

D = Decimal

S = 1_000_000_000
T0 = 1_700_000_000 * S  # on a five-second and a ten-second boundary, 20 s past a minute


def trade(at_s: float, price: str = "100", size: int = 10, symbol: str = "ACME") -> Trade:
    return Trade(symbol, T0 + int(at_s * S), D(price), D(size), 1)


def quote(at_s: float, bid: str = "99.99", ask: str = "100.01") -> Quote:
    return Quote("ACME", T0 + int(at_s * S), D(bid), D(5), D(ask), D(5))


@pytest.fixture
def engine(catalogue: Catalogue) -> MarketEngine:
    return MarketEngine(catalogue, stale_after_ns=10 * S)


def test_trades_become_bars_of_a_second(engine: MarketEngine) -> None:
    """The first trade of a later second completes the second before, with exact OHLC."""
    trades = [trade(0.5), trade(1.1, "101"), trade(1.5, "99.5"), trade(1.9, "100.5"), trade(2.0)]
    bars = engine.accept("test", [], trades, [], T0 + 3 * S).bars
    assert bars == [
        Bar("ACME", Timeframe.S1, T0 + S, D("101"), D("101"), D("99.5"), D("100.5"), D(30), "test")
    ]  # fmt: skip - the second in which the feed began was not seen whole


def test_time_completes_a_bar_without_a_trade(engine: MarketEngine) -> None:
    """A second that nobody trades after is completed by the clock, and only once."""
    engine.accept("test", [], [trade(0), trade(1.2)], [], T0 + 2 * S)
    assert [bar.time_ns for bar in engine.on_time(T0 + 2 * S)] == [T0 + S]
    assert engine.on_time(T0 + 2 * S) == []


def test_a_trade_for_a_completed_bar_comes_too_late(engine: MarketEngine) -> None:
    """After the clock completed a bar, a trade of that second is refused, not a second bar made."""
    engine.accept("test", [], [trade(0), trade(1.2)], [], T0 + 2 * S)
    engine.on_time(T0 + 2 * S)
    intake = engine.accept("test", [], [trade(1.4)], [], T0 + 2 * S)
    assert [row.reason for row in intake.rejected] == ["OUT_OF_ORDER"]
    assert not intake.trades


def test_bad_events_are_refused_with_reason_and_content(engine: MarketEngine) -> None:
    """Crossed quotes, unknown symbols, duplicates and late events all end in quarantine."""
    bar = Bar("ACME", Timeframe.M1, T0 - 60 * S, D(9), D(9), D(9), D(9), D(1))
    intake = engine.accept(
        "test",
        [quote(1), quote(0.5), quote(2, bid="101", ask="100")],
        [trade(0, symbol="NOPE")],
        [bar, bar],
        T0 + 3 * S,
    )
    assert [(row.symbol, row.reason) for row in intake.rejected] == [
        ("NOPE", "UNKNOWN_SYMBOL"),
        ("ACME", "OUT_OF_ORDER"),
        ("ACME", "BID_OVER_ASK"),
        ("ACME", "DUPLICATE"),
    ]
    assert intake.rejected[2].content == repr(quote(2, bid="101", ask="100"))
    assert (len(intake.quotes), len(intake.bars)) == (1, 1)


def test_a_quote_turns_stale(engine: MarketEngine) -> None:
    """A quote is stale once it is older than promised, and carries the last traded price."""
    engine.accept("test", [quote(0)], [trade(0, "100.2")], [], T0)
    fresh = engine.quote("ACME", T0 + 10 * S)
    assert fresh is not None
    assert (fresh.stale, fresh.last_price, fresh.source) == (False, D("100.2"), "test")
    assert [state.stale for state in engine.quotes(T0 + 10 * S + 1)] == [True]


def test_a_replay_may_begin_anew(engine: MarketEngine) -> None:
    """Replayed bars are taken whatever their order, and mark the last price."""
    later = Bar("ACME", Timeframe.D1, 2 * 86_400 * S, D(9), D(9), D(9), D(9), D(1))
    earlier = Bar("ACME", Timeframe.D1, 86_400 * S, D(8), D(8), D(8), D(8), D(1))
    for bar in (later, earlier):
        assert engine.replay("replay", [quote(1)], [bar]).bars == [bar]
    state = engine.quote("ACME", T0)
    assert state is not None
    assert state.last_price == D(8)


def test_an_unknown_symbol_names_the_nearest(catalogue: Catalogue) -> None:
    """A typing error in a symbol is answered with the symbol that was probably meant."""
    with pytest.raises(NotFound, match="did you mean ACME") as caught:
        catalogue.get("AMCE")
    assert caught.value.code == "UNKNOWN_SYMBOL"
    assert caught.value.details["near_match"] == "ACME"
