"""Bars from CSV texts as people really have them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from pi5.data.providers.base import History
from pi5.data.providers.csv_import import CHARACTERS_MAX, CsvProvider, parse_time
from pi5.domain.errors import InvalidInput
from pi5.domain.market import Timeframe

D = Decimal

HEADER = "time,open,high,low,close,volume\n"
DAY_NS = 86_400_000_000_000
BAD_ROWS = """time,open,high,low,close,volume
2020-01-01,1,1,1,1,1
2020-01-02,1,1,1,1
not a day,1,1,1,1,1
2020-01-04,1e3,1,1,1,1
2020-01-05,1,1,1,NaN,1
2020-01-06,-1,1,1,1,1
2020-01-07,1,1,2,1,1
2020-01-01,1,1,1,1,1
2020-02-30,1,1,1,1,1
2020-01-08T00:00:00,1,1,1,1,1
2099-01-01,1,1,1,1,1
2020-01-09,1,1.001,1,1,1
2020-01-10,1,1,1,1,1
"""


@pytest.fixture
def read(acme, clock):
    def read(text: str, tick: str = "0.01") -> History:
        instrument = replace(acme, tick_size=D(tick))
        return CsvProvider(instrument, Timeframe.D1, text, "f.csv", clock).read()

    return read


def test_plain_rows_are_read_exactly(read) -> None:
    """Four decimals, volumes beyond 32 bits and both kinds of time come out exact."""
    text = HEADER + "2017-11-09,1,2.0001,0.5,1.0003,3442870000\n2017-11-10T00:00:00Z,1,1,1,1,0\n"
    history = read(text, tick="0.0001")
    first, second = history.bars
    assert (first.high, first.close, first.volume) == (D("2.0001"), D("1.0003"), D(3442870000))
    assert second.time_ns - first.time_ns == DAY_NS
    assert first.source == "f.csv"
    assert history.rejected == []


def test_mark_line_ends_case_order_and_further_columns_do_not_matter(read) -> None:
    """A byte-order mark, CRLF, quotes, upper case, another order and more columns are fine."""
    text = '\ufeff"Close",OPEN,High,Low,Volume,Time,Adj\r\n3,2,4,1,9,"2020-01-02",x\r\n\r\n'
    (bar,) = read(text).bars
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (D(2), D(4), D(1), D(3), D(9))


def test_newest_first_is_turned_round(read) -> None:
    """A file that begins with its newest row is read as well as any other."""
    rows = "2020-01-03,1,1,1,1,1\n2020-01-02,1,1,1,1,1\n2020-01-01,1,1,1,1,1\n"
    history = read(HEADER + rows)
    assert [bar.time_ns for bar in history.bars] == sorted(bar.time_ns for bar in history.bars)
    assert len(history.bars) == 3
    assert history.rejected == []


def test_every_bad_row_is_refused_with_line_and_reason(read) -> None:
    """Each bad row is named by its line; the good rows around it are taken."""
    history = read(BAD_ROWS)
    assert [(row.line, row.reason) for row in history.rejected] == [
        (3, "MALFORMED"),
        (4, "MALFORMED"),
        (5, "MALFORMED"),
        (6, "MALFORMED"),
        (7, "NON_POSITIVE_PRICE"),
        (8, "INCONSISTENT_OHLC"),
        (9, "DUPLICATE"),
        (10, "MALFORMED"),
        (11, "MALFORMED"),
        (12, "FUTURE_TIME"),
        (13, "WRONG_PRECISION"),
    ]
    assert history.rejected[0].content == "2020-01-02,1,1,1,1"
    assert len(history.bars) == 2


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "CSV_EMPTY", "no header"),
        ("date,open,high,low,close,volume\n", "CSV_MISSING_COLUMNS", "missing: time"),
        ("time;open;high;low;close;volume\n", "CSV_MISSING_COLUMNS", "by commas"),
        ("x" * (CHARACTERS_MAX + 1), "CSV_TOO_LARGE", "pieces"),
    ],
)
def test_a_text_that_is_no_table_is_a_clear_fault(read, text, code, says) -> None:
    """What is wrong with the whole text is said at once, with what to do."""
    with pytest.raises(InvalidInput, match=says) as caught:
        read(text)
    assert caught.value.code == code


def test_offsets_are_honoured_and_nonsense_is_not() -> None:
    """RFC 3339 offsets are turned into UTC; a time without one says nothing and is refused."""
    assert parse_time("2024-05-31T02:00:00+02:00") == parse_time("2024-05-31")
    for text in (
        "2024-05-31T02:00:00",
        "20240531",
        "2024-W01-1",
        "31.05.2024",
        "",
        "\u0662024-05-31",
    ):
        with pytest.raises(InvalidInput):
            parse_time(text)


async def test_a_text_is_a_source_of_history_only(acme, clock) -> None:
    """The provider interface gives the bars of a range, and a stream that ends at once."""
    text = HEADER + "2020-01-01,1,1,1,1,1\n2020-01-02,1,1,1,1,1\n"
    provider = CsvProvider(acme, Timeframe.D1, text, "f.csv", clock)
    start = parse_time("2020-01-02")
    history = await provider.history("ACME", Timeframe.D1, start, start + DAY_NS)
    assert [bar.time_ns for bar in history.bars] == [start]
    assert (await provider.history("ACME", Timeframe.H1, 0, 2**62)).bars == []
    assert [events async for events in provider.stream()] == []
    assert provider.book("ACME", 5) is None
