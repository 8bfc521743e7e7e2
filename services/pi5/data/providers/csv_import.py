"""Bars from a CSV text with the columns time,open,high,low,close,volume.

The columns may come in any order and beside others. Times are ISO dates (2024-05-31, midnight UTC)
or RFC 3339 (2024-05-31T13:30:00Z). A row that cannot be read is refused with its line number;
the rows around it are taken.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime

from pi5.data.engine import check_history
from pi5.data.providers.base import History, Provider
from pi5.data.quality import MALFORMED, Problem, RejectedRow
from pi5.domain.errors import InvalidInput
from pi5.domain.instrument import Instrument
from pi5.domain.market import Bar, Timeframe
from pi5.domain.money import parse_decimal
from pi5.kit.clock import Clock
from pi5.kit.wire.market import MarketEvents
from pi5.kit.wire.times import from_datetime

COLUMNS = ("time", "open", "high", "low", "close", "volume")
CHARACTERS_MAX = 3_000_000
_LINE_END = re.compile(r"\r\n|\n|\r")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def parse_time(text: str) -> int:
    """Read an ISO date or an RFC 3339 time as ns since 1970.

    Raises:
        InvalidInput: NOT_A_TIME.

    >>> parse_time("1970-01-02") == parse_time("1970-01-02T01:00:00+01:00") == 86_400 * 10**9
    True
    """
    try:
        if _DATE.fullmatch(text):
            return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))
        if _RFC_3339.fullmatch(text):
            return from_datetime(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(
        "NOT_A_TIME",
        f"time must be a date such as 2024-05-31 or a time such as 2024-05-31T13:30:00Z, not "
        f"{text[:40]!r}",
        field="csv",
    )


def _columns(header: str) -> list[int]:
    """Return where each of our columns stands.

    Raises:
        InvalidInput: CSV_MISSING_COLUMNS.
    """
    names = [name.strip().strip('"').lower() for name in header.split(",")]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        hint = "; separate columns by commas" if len(names) == 1 else ""
        raise InvalidInput(
            "CSV_MISSING_COLUMNS",
            f"the first line must name the columns {','.join(COLUMNS)}; missing: "
            f"{', '.join(missing)}{hint}",
            field="csv",
            details={"missing": ",".join(missing)},
        )
    return [names.index(name) for name in COLUMNS]


class CsvProvider(Provider):
    """One CSV text as a source of history; it has nothing live."""

    def __init__(
        self, instrument: Instrument, timeframe: Timeframe, text: str, source: str, clock: Clock
    ) -> None:
        self.name = source
        self._instrument = instrument
        self._timeframe = timeframe
        self._text = text
        self._clock = clock

    def instruments(self) -> Sequence[Instrument]:
        """Return the instrument whose bars the text holds."""
        return (self._instrument,)

    def symbols(self) -> Sequence[str]:
        """Return nothing: a text does not stream."""
        return ()

    async def stream(self) -> AsyncGenerator[MarketEvents, None]:
        """End at once: a text does not stream."""
        nothing: tuple[MarketEvents, ...] = ()
        for events in nothing:
            yield events

    async def history(
        self, symbol: str, timeframe: Timeframe, start_ns: int, end_ns: int
    ) -> History:
        """Return the bars of the text in a half-open range of times."""
        if symbol != self._instrument.symbol or timeframe is not self._timeframe:
            return History()
        everything = self.read()
        bars = [bar for bar in everything.bars if start_ns <= bar.time_ns < end_ns]
        return History(bars, everything.rejected)

    def read(self) -> History:
        """Return all bars of the text and the rows that were refused, by line.

        Raises:
            InvalidInput: CSV_TOO_LARGE, CSV_EMPTY or CSV_MISSING_COLUMNS.
        """
        if len(self._text) > CHARACTERS_MAX:
            raise InvalidInput(
                "CSV_TOO_LARGE", "the text is larger than 3 MB; send it in pieces", field="csv"
            )
        lines = _LINE_END.split(self._text.removeprefix("\ufeff"))
        if not lines[0].strip():
            raise InvalidInput("CSV_EMPTY", "the text has no header line", field="csv")
        columns = _columns(lines[0])
        width = lines[0].count(",") + 1
        now_ns = self._clock.now_ns()
        bars: list[Bar] = []
        origins: list[tuple[int, str]] = []
        unreadable: list[RejectedRow] = []
        for number, line in enumerate(lines[1:], start=2):
            if not line.strip():
                continue
            try:
                bars.append(self._bar(line, columns, width))
                origins.append((number, line))
            except InvalidInput as fault:
                problem = Problem(MALFORMED, fault.message)
                symbol = self._instrument.symbol
                unreadable.append(RejectedRow.of(symbol, self.name, problem, line, now_ns, number))
        good, refused = check_history(bars, origins, self._instrument, now_ns)
        return History(good, sorted([*unreadable, *refused], key=lambda row: row.line))

    def _bar(self, line: str, columns: list[int], width: int) -> Bar:
        """Read one line.

        Raises:
            InvalidInput: whatever is wrong with it.
        """
        cells = [cell.strip().strip('"') for cell in line.split(",")]
        if len(cells) != width:
            raise InvalidInput(MALFORMED, f"{len(cells)} columns instead of {width}")
        time, opened, high, low, close, volume = (cells[index] for index in columns)
        return Bar(
            symbol=self._instrument.symbol,
            timeframe=self._timeframe,
            time_ns=parse_time(time),
            open=parse_decimal(opened, "open"),
            high=parse_decimal(high, "high"),
            low=parse_decimal(low, "low"),
            close=parse_decimal(close, "close"),
            volume=parse_decimal(volume, "volume"),
            source=self.name,
        )
