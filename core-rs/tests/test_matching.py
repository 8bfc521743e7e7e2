"""The matching engine through Python."""

import pi5_core as core
import pytest


@pytest.fixture
def engine() -> core.MatchingEngine:
    """Three sell orders: 5 and 5 at 101, 5 at 102."""
    engine = core.MatchingEngine()
    for order_id, price in ((1, 101), (2, 101), (3, 102)):
        result = engine.submit(order_id, 7, core.SELL, core.LIMIT, price, 5)
        assert (result.status, result.fills, result.remaining) == (core.RESTING, [], 5)
    return engine


def test_a_market_order_walks_the_levels_oldest_order_first(engine: core.MatchingEngine) -> None:
    """Fills name both orders and participants, at the makers' prices."""
    result = engine.submit(9, 8, core.BUY, core.MARKET, 0, 12)
    fills = [(f.maker_id, f.price, f.quantity, f.sequence) for f in result.fills]
    assert fills == [(1, 101, 5, 1), (2, 101, 5, 2), (3, 102, 2, 3)]
    first = result.fills[0]
    assert (first.taker_id, first.maker_participant, first.taker_participant) == (9, 7, 8)
    assert first.taker_side == core.BUY
    assert (result.status, result.remaining, result.reason) == (core.FILLED, 0, None)
    assert engine.depth(5) == ([], [(102, 3, 1)])


def test_a_market_order_on_an_empty_book_is_rejected() -> None:
    """There is nobody to trade with, and the reason says so."""
    result = core.MatchingEngine().submit(1, 1, core.BUY, core.MARKET, 0, 1)
    assert (result.status, result.reason, result.remaining) == (core.REJECTED, "NO_LIQUIDITY", 1)


def test_fill_or_kill_is_all_or_nothing(engine: core.MatchingEngine) -> None:
    """One lot too many and nothing trades; exactly what is there and all of it does."""
    killed = engine.submit(9, 8, core.BUY, core.LIMIT, 101, 11, core.FOK)
    assert (killed.status, killed.reason, killed.fills) == (core.CANCELED, "FILL_OR_KILL", [])
    assert engine.submit(9, 8, core.BUY, core.LIMIT, 101, 10, core.FOK).status == core.FILLED


def test_immediate_or_cancel_cancels_the_remainder(engine: core.MatchingEngine) -> None:
    """What does not trade at once never rests."""
    result = engine.submit(9, 8, core.BUY, core.LIMIT, 101, 12, core.IOC)
    assert (result.status, result.remaining) == (core.CANCELED, 2)
    assert result.reason == "IMMEDIATE_OR_CANCEL"
    assert engine.best_bid() is None


def test_a_post_only_order_that_would_cross_is_rejected(engine: core.MatchingEngine) -> None:
    """Post-only never takes liquidity and rests one tick below."""
    crossing = engine.submit(9, 8, core.BUY, core.LIMIT, 101, 1, core.GTC, post_only=True)
    assert (crossing.status, crossing.reason) == (core.REJECTED, "POST_ONLY_WOULD_CROSS")
    assert engine.submit(9, 8, core.BUY, core.LIMIT, 100, 1, post_only=True).status == core.RESTING


def test_a_rejected_replace_leaves_the_queue_as_it_was(engine: core.MatchingEngine) -> None:
    """Asking for less than has traded changes nothing."""
    engine.submit(9, 8, core.BUY, core.MARKET, 0, 3)
    refused = engine.replace(1, 101, 3)
    assert (refused.status, refused.reason) == (core.REJECTED, "QUANTITY_BELOW_FILLED")
    fill = engine.submit(10, 8, core.BUY, core.MARKET, 0, 1).fills[0]
    assert fill.maker_id == 1


def test_replace_counts_what_has_traded_and_can_trade_itself(engine: core.MatchingEngine) -> None:
    """The quantity of a replace is the order's total; a crossing price trades at once."""
    engine.submit(9, 8, core.BUY, core.LIMIT, 100, 4)
    result = engine.replace(9, 101, 6)
    assert [f.maker_id for f in result.fills] == [1, 2]
    assert (result.status, engine.remaining(9)) == (core.FILLED, None)


def test_cancel_returns_what_was_open_and_none_for_a_stranger(engine: core.MatchingEngine) -> None:
    """Canceling twice, or something unknown, is safe."""
    assert engine.cancel(3) == 5
    assert engine.cancel(3) is None
    assert len(engine) == 2


def test_unknown_sides_and_types_are_value_errors() -> None:
    """Wrong numbers are faults of the caller, not refusals of the market."""
    engine = core.MatchingEngine()
    with pytest.raises(ValueError, match="side"):
        engine.submit(1, 1, 2, core.LIMIT, 1, 1)
    with pytest.raises(ValueError, match="order type"):
        engine.submit(1, 1, core.BUY, 99, 1, 1)
    with pytest.raises(OverflowError):
        engine.submit(-1, 1, core.BUY, core.LIMIT, 1, 1)
