"""The core against slow and obvious models in Python."""

import pi5_core as core
from hypothesis import given, settings
from hypothesis import strategies as st

SIDES = st.sampled_from([core.BUY, core.SELL])
PRICES = st.integers(-6, 6)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(SIDES, PRICES, st.integers(-1, 5)), max_size=120))
def test_l2_is_two_dictionaries(updates: list[tuple[int, int, int]]) -> None:
    """Levels are what was last said about each price."""
    book, model = core.L2Book(), ({}, {})
    for side, price, quantity in updates:
        touch = book.update(side, price, quantity)
        if quantity > 0:
            model[side][price] = quantity
        elif quantity == 0:
            model[side].pop(price, None)
        assert touch == (max(model[0], default=None), min(model[1], default=None))
    bids = sorted(model[0].items(), reverse=True)
    assert book.depth(99) == (bids, sorted(model[1].items()))


def _model_submit(resting: list[list[int]], order: list[int]) -> list[tuple[int, int, int]]:
    """Orders are [id, side, price, quantity]; the best is searched for every trade."""
    fills = []
    _, side, price, _ = order
    while order[3]:
        makers = [r for r in resting if r[1] != side]
        makers = [r for r in makers if (r[2] <= price if side == core.BUY else r[2] >= price)]
        if not makers:
            resting.append(order)
            return fills
        best = min(makers, key=lambda r: r[2] if side == core.BUY else -r[2])
        quantity = min(order[3], best[3])
        fills.append((best[0], best[2], quantity))
        best[3] -= quantity
        order[3] -= quantity
        if not best[3]:
            resting.remove(best)
    return fills


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(SIDES, PRICES, st.integers(1, 9), st.booleans()), max_size=80))
def test_matching_is_a_search_through_a_list(orders: list[tuple[int, int, int, bool]]) -> None:
    """Limit orders and cancels make the trades of an exhaustive search."""
    engine, resting = core.MatchingEngine(), []
    for order_id, (side, price, quantity, cancel) in enumerate(orders):
        if cancel and resting:
            victim = resting.pop(price % len(resting))
            assert engine.cancel(victim[0]) == victim[3]
            continue
        result = engine.submit(order_id, 1, side, core.LIMIT, price, quantity)
        expected = _model_submit(resting, [order_id, side, price, quantity])
        assert [(f.maker_id, f.price, f.quantity) for f in result.fills] == expected
    assert {order_id: engine.remaining(order_id) for order_id, *_ in resting} == {
        order[0]: order[3] for order in resting
    }


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 5),
    st.sampled_from(["drop_oldest", "conflate"]),
    st.lists(st.one_of(st.tuples(st.integers(0, 3), st.integers()), st.none()), max_size=60),
)
def test_a_queue_is_an_ordered_dictionary_with_a_bound(
    capacity: int, policy: str, steps: list[tuple[int, int] | None]
) -> None:
    """Nothing is lost without being counted, whatever the policy."""
    bus, waiting, lost = core.Bus(), [], 0
    reader = bus.subscribe("t", capacity=capacity, policy=policy)
    published = received = 0
    for step in steps:
        if step is None:
            batch = reader.drain(2)
            assert batch == [event for _, event in waiting[:2]]
            received += len(batch)
            del waiting[:2]
            continue
        key, event = step
        bus.publish("t", event, str(key))
        published += 1
        same = [at for at, (other, _) in enumerate(waiting) if other == key]
        if policy == "conflate" and same:
            waiting[same[0]] = (key, event)
            continue
        if len(waiting) == capacity:
            waiting.pop(0)
            lost += 1
        waiting.append((key, event))
    assert reader.dropped == lost
    assert published == received + reader.dropped + reader.conflated + reader.pending
