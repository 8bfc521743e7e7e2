"""The order books through Python."""

import pi5_core as core


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
