"""Stored bars played as if they came live, at any speed.

A bar keeps its own, historic time: strategies and charts see the history as it was. Each bar comes
with a quote around its close that is stamped with the present, because a quote says what can be
traded now: the price collar, the staleness checks and the simulated exchange all ask for its age.
At the end a looping replay begins anew, so its bar times jump back to the start.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal, localcontext

from pi5.data.providers.base import History, Provider
from pi5.domain.instrument import Instrument
from pi5.domain.market import Bar, Quote, Timeframe
from pi5.domain.money import EXACT, round_down
from pi5.kit.clock import Clock
from pi5.kit.wire.market import MarketEvents

NAME = "replay"
BARS_PER_SECOND_MAX = 10_000.0
_NS = 1_000_000_000
_PAGE_ROWS = 500
_STEP_MIN_S = 0.01
_REFRESH_S = 2.0
_BARS_A_STEP_MAX = 2_000
# Half the distance of bid and ask as a share of the price, and what stands there as a share of
# the bar's volume.
_HALF_SPREAD = Decimal("0.00005")
_SIZE_SHARE = Decimal("0.001")
_LOTS_MIN = 1_000

# Reads stored bars: symbol, length, after (exclusive, ns), end (exclusive, ns), most rows.
ReadBars = Callable[[str, Timeframe, int, int, int], Awaitable[list[Bar]]]


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What to replay: a half-open range of times (ns), and how fast."""

    id: str
    symbols: tuple[str, ...]
    timeframe: Timeframe
    start_ns: int
    end_ns: int
    bars_per_second: float
    loop: bool


def quote_around(bar: Bar, instrument: Instrument, now_ns: int) -> Quote:
    """Return the quote that stands for a bar: a narrow spread around its close.

    The size is a thousandth of the bar's volume and at least a thousand lots.
    """
    tick, lot = instrument.tick_size, instrument.lot_size
    with localcontext(EXACT):
        steps = (bar.close * _HALF_SPREAD / tick).to_integral_value(rounding=ROUND_UP)
        half = max(steps, Decimal(1)) * tick
        bid = bar.close - half
        size = max(round_down(bar.volume * _SIZE_SHARE, lot), lot * _LOTS_MIN)
    return Quote(
        symbol=bar.symbol,
        time_ns=now_ns,
        bid_price=bid if bid > 0 else None,
        bid_size=size,
        ask_price=bar.close + half,
        ask_size=size,
    )


class _Cursor:
    """Reads the bars of one symbol page by page."""

    def __init__(self, symbol: str, plan: ReplayPlan, read: ReadBars) -> None:
        self._symbol = symbol
        self._plan = plan
        self._read = read
        self._page: deque[Bar] = deque()
        self._after_ns = plan.start_ns - 1
        self._ended = False

    async def peek(self) -> Bar | None:
        """Return the next bar without taking it; None at the end."""
        if not self._page and not self._ended:
            plan = self._plan
            self._page.extend(
                await self._read(
                    self._symbol, plan.timeframe, self._after_ns, plan.end_ns, _PAGE_ROWS
                )
            )
            self._ended = not self._page
        return self._page[0] if self._page else None

    def take(self) -> None:
        """Go past the bar that `peek` returned."""
        self._after_ns = self._page.popleft().time_ns


class ReplayProvider(Provider):
    """One replay; the symbols keep pace with each other by the bars' times."""

    name = NAME
    replays_history = True

    def __init__(
        self,
        plan: ReplayPlan,
        instruments: Mapping[str, Instrument],
        read: ReadBars,
        clock: Clock,
    ) -> None:
        self.plan = plan
        self.position_ns = 0
        self.bars_sent = 0
        self.running = True
        self._instruments = instruments
        self._read = read
        self._clock = clock
        self._newest: dict[str, tuple[Bar, int]] = {}
        self._sent_in_pass = 0
        self._cursors = self._rewound()

    def instruments(self) -> Sequence[Instrument]:
        """Return nothing new: what is replayed is known."""
        return ()

    def symbols(self) -> Sequence[str]:
        """Return the symbols replayed."""
        return self.plan.symbols if self.running else ()

    async def history(
        self,
        symbol: str,
        timeframe: Timeframe,
        start_ns: int,
        end_ns: int,
    ) -> History:
        """Return nothing: the history it plays is the stored one."""
        del symbol, timeframe, start_ns, end_ns
        return History()

    async def stream(self) -> AsyncGenerator[MarketEvents, None]:
        """Deliver the bars at the plan's speed; goes on where it was when opened again."""
        period_ns = int(_NS / self.plan.bars_per_second)
        due_ns = self._clock.monotonic_ns()
        while self.running:
            monotonic_ns = self._clock.monotonic_ns()
            due_ns = max(due_ns, monotonic_ns - 2 * _NS)  # a long sleep is not made up for
            events = MarketEvents()
            while due_ns <= monotonic_ns and len(events.bars) < _BARS_A_STEP_MAX:
                bars = await self._next_bars()
                if not bars:
                    self.running = self._begin_anew()
                    break
                self._add(bars, events)
                due_ns += period_ns
            self._refresh(events)
            if events:
                yield events
            wait_s = (due_ns - self._clock.monotonic_ns()) / _NS
            await asyncio.sleep(min(max(wait_s, _STEP_MIN_S), _REFRESH_S))

    def stop(self) -> None:
        """End after what is on its way."""
        self.running = False

    def _rewound(self) -> list[_Cursor]:
        return [_Cursor(symbol, self.plan, self._read) for symbol in self.plan.symbols]

    def _begin_anew(self) -> bool:
        """Go back to the start if the plan loops and there is anything to play."""
        again = self.plan.loop and self._sent_in_pass > 0
        self._sent_in_pass = 0
        self._cursors = self._rewound()
        return again

    async def _next_bars(self) -> list[Bar]:
        """Take the bars of the next time, of one or several symbols; empty at the end."""
        heads = [(cursor, await cursor.peek()) for cursor in self._cursors]
        ahead = [(cursor, bar) for cursor, bar in heads if bar is not None]
        first_ns = min((bar.time_ns for _, bar in ahead), default=0)
        chosen = [(cursor, bar) for cursor, bar in ahead if bar.time_ns == first_ns]
        for cursor, _ in chosen:
            cursor.take()
        return [bar for _, bar in chosen]

    def _add(self, bars: Sequence[Bar], events: MarketEvents) -> None:
        now_ns = self._clock.now_ns()
        for bar in bars:
            events.bars.append(bar)
            events.quotes.append(quote_around(bar, self._instruments[bar.symbol], now_ns))
            self._newest[bar.symbol] = (bar, now_ns)
        self.position_ns = bars[0].time_ns
        self.bars_sent += len(bars)
        self._sent_in_pass += len(bars)

    def _refresh(self, events: MarketEvents) -> None:
        """Say again what still holds, so that a slow replay's quotes do not look stale."""
        now_ns = self._clock.now_ns()
        for symbol, (bar, sent_ns) in self._newest.items():
            if now_ns - sent_ns >= _REFRESH_S * _NS:
                events.quotes.append(quote_around(bar, self._instruments[symbol], now_ns))
                self._newest[symbol] = (bar, now_ns)
