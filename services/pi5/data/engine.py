"""The rules of market data as it arrives: what is let in, what it adds up to, what is stale.

Pure: the present comes in as an argument, and what came of it goes out as values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from pi5.data.bars import BarBuilder
from pi5.data.catalogue import Catalogue
from pi5.data.quality import (
    DUPLICATE,
    OUT_OF_ORDER,
    UNKNOWN_SYMBOL,
    Problem,
    RejectedRow,
    SpikeFilter,
    check_bar,
    check_order,
    check_quote,
    check_trade,
    isolated_spikes,
)
from pi5.domain.instrument import Instrument
from pi5.domain.market import Bar, Quote, Timeframe, Trade

Event = TypeVar("Event", Quote, Trade, Bar)


@dataclass(slots=True)
class Intake:
    """What was let in, in order, and what was not."""

    quotes: list[Quote] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class QuoteState:
    """The newest quote of an instrument, its last price, its source, and whether it is stale."""

    quote: Quote
    last_price: Decimal | None
    source: str
    stale: bool


@dataclass(slots=True)
class _Symbol:
    """What is remembered of one instrument."""

    instrument: Instrument
    spikes: SpikeFilter = field(default_factory=SpikeFilter)
    builder: BarBuilder | None = None
    quote: Quote | None = None
    quote_source: str = ""
    last_price: Decimal | None = None
    trade_time_ns: int = 0
    bar_times_ns: dict[tuple[str, Timeframe], int] = field(default_factory=dict)


class MarketEngine:
    """Takes the events of all feeds and keeps the newest state of every instrument."""

    def __init__(self, catalogue: Catalogue, stale_after_ns: int) -> None:
        self._catalogue = catalogue
        self._stale_after_ns = stale_after_ns
        self._symbols: dict[str, _Symbol] = {}

    def accept(
        self,
        source: str,
        quotes: Sequence[Quote],
        trades: Sequence[Trade],
        bars: Sequence[Bar],
        now_ns: int,
    ) -> Intake:
        """Hold events of a live feed against the rules; trades also complete bars."""
        intake = Intake()
        for trade in trades:
            self._take(_take_trade, trade, source, now_ns, intake)
        for quote in quotes:
            self._take(_take_quote, quote, source, now_ns, intake)
        for bar in bars:
            self._take(_take_bar, bar, source, now_ns, intake)
        return intake

    def replay(self, source: str, quotes: Sequence[Quote], bars: Sequence[Bar]) -> Intake:
        """Take bars of history that come as if live.

        They passed every rule when they were stored, and their times begin anew with each pass,
        so neither order nor spikes are judged again.
        """
        for bar in bars:
            if state := self._symbol(bar.symbol):
                state.last_price = bar.close
        for quote in quotes:
            if state := self._symbol(quote.symbol):
                state.quote, state.quote_source = quote, source
        return Intake(quotes=list(quotes), bars=list(bars))

    def on_time(self, now_ns: int) -> list[Bar]:
        """Return the bars that the passing of time completes.

        A trade that belongs into one of them comes too late from now on: it would make the bar
        a second time.
        """
        completed: list[Bar] = []
        for state in self._symbols.values():
            if state.builder is None:
                continue
            for bar in state.builder.on_time(now_ns):
                state.trade_time_ns = max(state.trade_time_ns, bar.end_ns)
                completed.append(bar)
        return completed

    def quote(self, symbol: str, now_ns: int) -> QuoteState | None:
        """Return the newest quote of an instrument; None before the first."""
        state = self._symbols.get(symbol)
        if state is None or state.quote is None:
            return None
        stale = now_ns - state.quote.time_ns > self._stale_after_ns
        return QuoteState(state.quote, state.last_price, state.quote_source, stale)

    def quotes(self, now_ns: int) -> list[QuoteState]:
        """Return the newest quote of every instrument that has one, by symbol."""
        found = (self.quote(symbol, now_ns) for symbol in sorted(self._symbols))
        return [state for state in found if state is not None]

    def _symbol(self, symbol: str) -> _Symbol | None:
        state = self._symbols.get(symbol)
        if state is None and symbol in self._catalogue:
            state = self._symbols[symbol] = _Symbol(self._catalogue.get(symbol))
        return state

    def _take(
        self,
        take: Callable[[_Symbol, Event, str, int, Intake], Problem | None],
        event: Event,
        source: str,
        now_ns: int,
        intake: Intake,
    ) -> None:
        """Let an event in, or refuse it with what is wrong."""
        state = self._symbol(event.symbol)
        if state is None:
            problem: Problem | None = Problem(
                UNKNOWN_SYMBOL, f"there is no instrument {event.symbol}"
            )
        else:
            problem = take(state, event, source, now_ns, intake)
        if problem is not None:
            row = RejectedRow.of(event.symbol, source, problem, repr(event), now_ns)
            intake.rejected.append(row)


def _take_trade(
    state: _Symbol, trade: Trade, source: str, now_ns: int, intake: Intake
) -> Problem | None:
    problem = (
        check_trade(trade, state.instrument, now_ns)
        or _late(trade.time_ns, state.trade_time_ns)
        or state.spikes.judge(trade.price)
    )
    if problem is not None:
        return problem
    state.trade_time_ns, state.last_price = trade.time_ns, trade.price
    if state.builder is None:
        state.builder = BarBuilder(trade.symbol, source, trade.time_ns)
    intake.bars.extend(state.builder.on_trade(trade))
    intake.trades.append(trade)
    return None


def _take_quote(
    state: _Symbol, quote: Quote, source: str, now_ns: int, intake: Intake
) -> Problem | None:
    before_ns = state.quote.time_ns if state.quote is not None else 0
    problem = check_quote(quote, state.instrument, now_ns) or _late(quote.time_ns, before_ns)
    if problem is None:
        state.quote, state.quote_source = quote, source
        intake.quotes.append(quote)
    return problem


def _take_bar(state: _Symbol, bar: Bar, source: str, now_ns: int, intake: Intake) -> Problem | None:
    key = (source, bar.timeframe)
    before_ns = state.bar_times_ns.get(key, 0)
    problem = check_bar(bar, state.instrument, now_ns) or _late(bar.time_ns, before_ns)
    if problem is None and bar.time_ns == before_ns:
        problem = Problem(DUPLICATE, "the bar came before")
    if problem is None:
        state.bar_times_ns[key], state.last_price = bar.time_ns, bar.close
        intake.bars.append(bar)
    return problem


def _late(time_ns: int, before_ns: int) -> Problem | None:
    if time_ns < before_ns:
        behind_ms = (before_ns - time_ns) / 1_000_000
        return Problem(OUT_OF_ORDER, f"it lies {behind_ms:g} ms before the one that came before")
    return None


def check_history(
    bars: Sequence[Bar],
    lines: Sequence[tuple[int, str]],
    instrument: Instrument,
    now_ns: int,
) -> tuple[list[Bar], list[RejectedRow]]:
    """Divide bars of a file or a provider's history into good and refused ones.

    Args:
        bars: of one instrument and length, oldest first or newest first.
        lines: of each bar, its line in the file and its content.
        instrument: what they belong to.
        now_ns: the present.

    Returns:
        The good bars, oldest first, and the refused rows in the order of their lines.
    """
    rows = list(zip(bars, lines, strict=True))
    if len(bars) > 1 and bars[0].time_ns > bars[-1].time_ns:
        rows.reverse()
    refused: list[tuple[Bar, tuple[int, str], Problem]] = []
    kept: list[tuple[Bar, tuple[int, str]]] = []

    def sieve(problems: Sequence[Problem | None]) -> None:
        kept.clear()
        for row, problem in zip(rows, problems, strict=True):
            if problem is None:
                kept.append(row)
            else:
                refused.append((*row, problem))
        rows[:] = kept

    sieve([check_bar(bar, instrument, now_ns) for bar, _ in rows])
    sieve(check_order([bar.time_ns for bar, _ in rows]))
    sieve(isolated_spikes([bar.close for bar, _ in rows]))
    refused.sort(key=lambda row: row[1][0])
    return [bar for bar, _ in rows], [
        RejectedRow.of(bar.symbol, bar.source, problem, content, now_ns, line)
        for bar, (line, content), problem in refused
    ]
