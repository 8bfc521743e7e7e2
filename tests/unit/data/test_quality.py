"""The rules a row must satisfy before anybody may see it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from pi5.data.quality import (
    RejectedRow,
    SpikeFilter,
    check_bar,
    check_order,
    check_quote,
    check_trade,
    isolated_spikes,
)
from pi5.domain.market import Bar, Quote, Timeframe, Trade

D = Decimal

NOW = 1_700_000_000_000_000_000
BAR = Bar("ACME", Timeframe.D1, NOW - 10**15, D("10"), D("12"), D("9"), D("11"), D("100"))
QUOTE = Quote("ACME", NOW, D("10"), D(5), D("10.01"), D(5))
TRADE = Trade("ACME", NOW, D("10"), D(5), 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"open": D(12), "high": D(12), "low": D(12), "close": D(12)}, None),
        ({"volume": D(0)}, None),
        ({"low": D(0)}, "NON_POSITIVE_PRICE"),
        ({"close": D(-1)}, "NON_POSITIVE_PRICE"),
        ({"volume": D(-1)}, "NON_POSITIVE_SIZE"),
        ({"high": D("10.5")}, "INCONSISTENT_OHLC"),
        ({"low": D("10.5")}, "INCONSISTENT_OHLC"),
        ({"close": D("11.001")}, "WRONG_PRECISION"),
        ({"volume": D("0.5")}, "WRONG_PRECISION"),
        ({"volume": D(2**63)}, "TOO_LARGE"),
        ({"time_ns": NOW + 3 * 10**9}, "FUTURE_TIME"),
    ],
)
def test_a_bar_is_refused_for_one_stable_reason(change, reason, acme) -> None:
    """Each broken rule gives its own reason; a sound bar gives none."""
    problem = check_bar(replace(BAR, **change), acme, NOW)
    assert (problem.reason if problem else None) == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"bid_price": None, "bid_size": D(0)}, None),
        ({"ask_price": D(10)}, None),
        ({"ask_price": D("9.99")}, "BID_OVER_ASK"),
        ({"bid_price": D(0)}, "NON_POSITIVE_PRICE"),
        ({"ask_size": D(0)}, "NON_POSITIVE_SIZE"),
        ({"bid_price": D("9.999")}, "WRONG_PRECISION"),
        ({"time_ns": NOW + 3 * 10**9}, "FUTURE_TIME"),
    ],
)
def test_a_quote_is_refused_for_one_stable_reason(change, reason, acme) -> None:
    """A locked or one-sided quote is sound; a crossed one is not."""
    problem = check_quote(replace(QUOTE, **change), acme, NOW)
    assert (problem.reason if problem else None) == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"price": D(0)}, "NON_POSITIVE_PRICE"),
        ({"size": D(0)}, "NON_POSITIVE_SIZE"),
        ({"price": D("1.005")}, "WRONG_PRECISION"),
        ({"time_ns": NOW + 3 * 10**9}, "FUTURE_TIME"),
    ],
)
def test_a_trade_is_refused_for_one_stable_reason(change, reason, acme) -> None:
    """A trade needs a positive price and size on the instrument's grid."""
    problem = check_trade(replace(TRADE, **change), acme, NOW)
    assert (problem.reason if problem else None) == reason


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([1, 2, 3], [None, None, None]),
        ([1, 2, 2, 3], [None, None, "DUPLICATE", None]),
        ([1, 99, 2, 3, 4], [None, "OUT_OF_ORDER", None, None, None]),
        ([10, 1, 11, 12], ["OUT_OF_ORDER", None, None, None]),
        ([1, 2, 0, 3], [None, None, "OUT_OF_ORDER", None]),
        ([], []),
    ],
)
def test_one_wrong_time_does_not_spoil_the_rest(times, expected) -> None:
    """A row with a wrong time is refused alone, in front, in between or behind."""
    assert [p.reason if p else None for p in check_order(times)] == expected


def test_a_lasting_level_is_no_spike_in_history() -> None:
    """A split or a crash stays; only a lone close between agreeing neighbours is refused."""
    split = [D(100), D(100), D(20), D(20), D(20)]
    assert isolated_spikes(split) == [None] * 5
    typo = [D(100), D(1000), D(101)]
    assert [p.reason if p else None for p in isolated_spikes(typo)] == [None, "SPIKE", None]


def test_a_live_jump_needs_three_that_agree() -> None:
    """A lone jump is refused; the third agreeing price is the new level and all after it pass."""
    spikes = SpikeFilter()
    verdicts = [spikes.judge(D(p)) for p in (100, 150, 101, 150, 151, 152, 153, 149)]
    assert [p.reason if p else None for p in verdicts] == [
        None, "SPIKE", None, "SPIKE", "SPIKE", None, None, None,
    ]  # fmt: skip


def test_wild_prices_that_do_not_agree_never_pass() -> None:
    """Prices that jump to and fro confirm nothing."""
    spikes = SpikeFilter()
    spikes.judge(D(100))
    assert all(spikes.judge(D(p)) for p in (200, 50, 300, 20, 400, 10))


def test_the_content_of_a_refused_row_is_bounded_and_storable() -> None:
    """Long lines are cut to 500 characters and NUL, which PostgreSQL cannot hold, is replaced."""
    problem = check_order([1, 1])[1]
    assert problem is not None
    row = RejectedRow.of("ACME", "file", problem, "a\x00" * 400, NOW, 7)
    assert len(row.content) == 500
    assert "\x00" not in row.content
    assert row.line == 7
