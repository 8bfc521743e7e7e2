"""The matching engine through Python."""

import numpy as np
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


def test_columns_give_the_fills_of_single_calls() -> None:
    """A batch matches exactly as the same operations one by one."""
    random = np.random.default_rng(3)
    count = 4000
    operations = random.choice([0, 0, 0, 1, 2, 3], count).astype(np.uint8)
    ids = random.integers(0, 500, count)
    sides = random.integers(0, 2, count).astype(np.uint8)
    prices, quantities = random.integers(90, 110, count), random.integers(0, 9, count)
    single, batch = core.MatchingEngine(), core.MatchingEngine()
    fills: list[core.Fill] = []
    for operation, order_id, side, price, quantity in zip(
        operations.tolist(),
        ids.tolist(),
        sides.tolist(),
        prices.tolist(),
        quantities.tolist(),
        strict=True,
    ):
        if operation == core.OP_CANCEL:
            single.cancel(order_id)
        elif operation == core.OP_REPLACE:
            fills += single.replace(order_id, price, quantity).fills
        else:
            fills += single.submit(order_id, 0, side, operation, price, quantity).fills
    result = batch.apply(operations, ids, sides, prices, quantities)
    assert len(fills) > 100
    assert result.price.tolist() == [fill.price for fill in fills]
    assert result.maker_id.tolist() == [fill.maker_id for fill in fills]
    assert result.sequence.tolist() == list(range(1, len(fills) + 1))
    assert batch.depth(50) == single.depth(50)


def test_a_bracket_protects_a_filled_entry() -> None:
    """Stop and target wait for the entry, start with it and cancel each other."""
    engine = core.MatchingEngine()
    engine.submit(1, 7, core.BUY, core.LIMIT, 100, 5)
    target = core.NewOrder(2, 7, core.SELL, core.LIMIT, 110, 5)
    stop = core.NewOrder(3, 7, core.SELL, core.STOP, 0, 5, stop_price=95)
    assert engine.attach(1, [target, stop], core.OCO)
    engine.submit(4, 8, core.SELL, core.MARKET, 0, 5)
    assert [event[:2] for event in engine.events()] == [("RELEASED", 2), ("RELEASED", 3)]
    assert engine.stop_price(3) == 95
    engine.submit(5, 8, core.BUY, core.LIMIT, 110, 5)
    assert engine.events() == [("CANCELED", 3, 5, 2, "LINKED_ORDER")]
    assert engine.open_ids() == []


def test_an_auction_reports_its_fills_through_take_fills() -> None:
    """Calls that return something else keep their fills until they are taken."""
    engine = core.MatchingEngine()
    engine.start_auction()
    engine.submit(1, 1, core.BUY, core.LIMIT, 103, 5)
    engine.submit(2, 2, core.SELL, core.LIMIT, 101, 3)
    assert engine.indicative_price() == (101, 3)
    engine.resume()
    assert [(f.price, f.quantity) for f in engine.take_fills()] == [(101, 3)]
    assert engine.take_fills() == []


def test_self_trades_can_be_prevented() -> None:
    """The resting order gives way and the incoming one goes on."""
    engine = core.MatchingEngine(self_trade=core.CANCEL_OLDEST)
    engine.submit(1, 7, core.SELL, core.LIMIT, 101, 5)
    result = engine.submit(2, 7, core.BUY, core.LIMIT, 101, 5)
    assert (result.fills, result.status) == ([], core.RESTING)
    assert engine.events() == [("CANCELED", 1, 5, 0, "SELF_TRADE")]
