"""The order books through Python."""

import numpy as np
import pi5_core as core
import pytest


def test_l2_update_returns_the_best_prices_and_zero_deletes() -> None:
    """Each update answers with the best bid and ask, so a reader needs one call."""
    book = core.L2Book()
    assert book.update(core.BUY, 99, 5) == (99, None)
    assert book.update(core.SELL, 101, 7) == (99, 101)
    assert book.update(core.BUY, 100, 1) == (100, 101)
    assert book.update(core.BUY, 100, 0) == (99, 101)
    assert (book.best_bid(), book.best_ask()) == ((99, 5), (101, 7))


def test_l2_snapshot_replaces_and_never_merges() -> None:
    """Levels from before a snapshot are gone after it."""
    book = core.L2Book()
    book.update(core.BUY, 50, 1)
    book.snapshot([(10, 1), (9, 2)], [(12, 3)], sequence=7)
    assert book.depth(5) == ([(10, 1), (9, 2)], [(12, 3)])
    assert book.sequence == 7
    book.clear()
    assert book.depth(5) == ([], [])


def test_l2_flags_crossed_and_locked_states_and_keeps_them() -> None:
    """A crossed book is reported, not repaired."""
    book = core.L2Book()
    book.update(core.BUY, 10, 1)
    book.update(core.SELL, 10, 1)
    assert book.is_locked
    assert not book.is_crossed
    book.update(core.BUY, 11, 1)
    assert book.is_crossed
    assert len(book) == 3


def test_l3_level_size_is_the_whole_level_and_counts_its_orders() -> None:
    """The best size is the level's total, not the first order's."""
    book = core.L3Book()
    book.add(1, core.BUY, 10, 1)
    book.add(2, core.BUY, 10, 21)
    assert book.best_bid() == (10, 22, 2)


def test_l3_duplicate_add_replaces_the_order_and_leaves_no_ghost_level() -> None:
    """A repeated id at another price moves the order, and one delete empties the book."""
    book = core.L3Book()
    book.add(1, core.BUY, 10, 5)
    book.add(1, core.BUY, 12, 5)
    assert book.depth(5) == ([(12, 5, 1)], [])
    book.delete(1)
    assert book.depth(5) == ([], [])
    assert book.anomalies == (1, 0, 0)


def test_l3_size_increase_loses_the_place_and_decrease_keeps_it() -> None:
    """Price-time priority as price-time venues define it."""
    book = core.L3Book()
    for order_id in (1, 2, 3):
        book.add(order_id, core.SELL, 10, 5)
    book.update(1, 10, 4)
    assert book.queue_ahead(1) == (0, 0)
    book.update(1, 10, 5)
    assert book.queue_ahead(1) == (10, 2)


def test_extreme_prices_and_ids_are_ordinary() -> None:
    """The ends of the 64-bit ranges neither panic nor mix up the sides."""
    book = core.L3Book()
    book.add(2**64 - 1, core.BUY, -(2**63), 1)
    book.add(0, core.SELL, 2**63 - 1, 2**63 - 1)
    book.add(5, core.SELL, 2**63 - 1, 2**63 - 1)
    assert book.best_bid() == (-(2**63), 1, 1)
    assert book.best_ask() == (2**63 - 1, 2**63 - 1, 1)
    assert book.anomalies == (0, 0, 1)


def _rows(count: int, columns: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 40, (count, columns))


def test_l2_columns_equal_single_updates() -> None:
    """A batch is the same updates, and its touch arrays are what each would have returned."""
    rows = _rows(2000, 3)
    sides, prices, quantities = rows[:, 0] % 2, rows[:, 1] - 20, rows[:, 2] % 4
    single, batch = core.L2Book(), core.L2Book()
    expected = [single.update(*map(int, r)) for r in zip(sides, prices, quantities, strict=True)]
    touch = batch.apply(sides, prices, quantities, touch=True)
    assert touch is not None
    bids, asks = touch
    assert bids.tolist() == [core.NO_BID if b is None else b for b, _ in expected]
    assert asks.tolist() == [core.NO_ASK if a is None else a for _, a in expected]
    assert batch.depth(99) == single.depth(99)


def test_l3_columns_equal_single_updates() -> None:
    """The same for the book by order."""
    rows = _rows(3000, 5)
    actions, sides = (rows[:, 0] % 3).astype(np.uint8), (rows[:, 2] % 2).astype(np.int8)
    single, batch = core.L3Book(), core.L3Book()
    for action, order_id, side, price, quantity in zip(
        actions, rows[:, 1], sides, rows[:, 3], rows[:, 4], strict=True
    ):
        if action == core.ADD:
            single.add(int(order_id), int(side), int(price), int(quantity))
        elif action == core.UPDATE:
            single.update(int(order_id), int(price), int(quantity))
        else:
            single.delete(int(order_id))
    batch.apply(actions, rows[:, 1], sides, rows[:, 3], rows[:, 4])
    assert batch.depth(99) == single.depth(99)
    assert batch.anomalies == single.anomalies


def test_columns_of_different_lengths_or_with_wrong_codes_change_nothing() -> None:
    """A batch is checked before its first row is applied."""
    book = core.L2Book()
    one, two = np.ones(1, np.int64), np.ones(2, np.int64)
    with pytest.raises(ValueError, match="length"):
        book.apply(two, two, one)
    with pytest.raises(ValueError, match="side"):
        book.apply(two * 2, two, two)
    assert len(book) == 0


def test_cost_walks_the_other_side() -> None:
    """Average and worst price for a quantity, exactly."""
    book = core.L2Book()
    book.snapshot([], [(101, 5), (102, 5)])
    assert book.cost(core.BUY, 7) == (7, 709, 102)
    assert book.cost(core.SELL, 7) == (0, 0, None)
    prices, quantities = book.depth_columns(core.SELL, 5)
    assert (prices.tolist(), quantities.tolist()) == ([101, 102], [5, 5])


def test_a_gap_makes_the_book_stale_until_its_snapshot() -> None:
    """Nothing is applied on top of missing messages."""
    book = core.L2Book(instrument=7)
    book.snapshot([], [], sequence=10)
    assert book.admit(11, 7) == core.APPLY
    assert book.admit(11, 7) == core.OLD
    assert book.admit(12, 8) == core.WRONG_INSTRUMENT
    assert book.admit(14, 7) == core.GAP
    assert book.is_stale
    book.snapshot([], [], sequence=14)
    assert not book.is_stale
