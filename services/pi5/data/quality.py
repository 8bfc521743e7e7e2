"""What a row of market data must satisfy before anybody may see it.

Each rule returns a `Problem` with a stable reason, or None. A bad row is quarantined with its
reason: it is neither dropped in silence nor passed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pi5.domain.errors import InvalidInput
from pi5.domain.instrument import Instrument
from pi5.domain.market import Bar, Quote, Trade
from pi5.domain.money import ZERO, to_ticks, wire

MALFORMED = "MALFORMED"
NON_POSITIVE_PRICE = "NON_POSITIVE_PRICE"
NON_POSITIVE_SIZE = "NON_POSITIVE_SIZE"
INCONSISTENT_OHLC = "INCONSISTENT_OHLC"
WRONG_PRECISION = "WRONG_PRECISION"
TOO_LARGE = "TOO_LARGE"
BID_OVER_ASK = "BID_OVER_ASK"
DUPLICATE = "DUPLICATE"
OUT_OF_ORDER = "OUT_OF_ORDER"
FUTURE_TIME = "FUTURE_TIME"
SPIKE = "SPIKE"
UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"

# A live price this far (as a share) from the last one needs others that confirm it.
SPIKE_SHARE = Decimal("0.20")
SPIKE_CONFIRMATIONS = 3
# A stored bar is a spike when its close is this far from both neighbours, which agree.
BAR_SPIKE_SHARE = Decimal("0.50")
BAR_NEIGHBOUR_SHARE = Decimal("0.10")
# Clocks of venues differ a little.
FUTURE_TOLERANCE_NS = 2_000_000_000
_CONTENT_MAX = 500
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is refused: a stable reason and a sentence with the figures."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was not let in; `line` is its line in the file, 0 for a feed."""

    symbol: str
    source: str
    reason: str
    detail: str
    content: str
    received_at_ns: int
    line: int = 0

    @classmethod
    def of(
        cls, symbol: str, source: str, problem: Problem, content: str, now_ns: int, line: int = 0
    ) -> RejectedRow:
        """Return the row for a problem, its content cut to 500 characters."""
        shown = content if len(content) <= _CONTENT_MAX else content[: _CONTENT_MAX - 1] + "…"
        # PostgreSQL's text cannot hold a NUL.
        shown = shown.replace("\x00", "�")
        return cls(symbol, source, problem.reason, problem.detail, shown, now_ns, line)


def check_bar(bar: Bar, instrument: Instrument, now_ns: int) -> Problem | None:
    """Hold one bar against the rules that need no other bar."""
    prices = {"open": bar.open, "high": bar.high, "low": bar.low, "close": bar.close}
    for name, price in prices.items():
        if price <= 0:
            return Problem(NON_POSITIVE_PRICE, f"{name} is {wire(price)}")
    if bar.volume < 0:
        return Problem(NON_POSITIVE_SIZE, f"volume is {wire(bar.volume)}")
    if bar.high < max(bar.open, bar.close, bar.low):
        return Problem(INCONSISTENT_OHLC, f"high {wire(bar.high)} is not the highest price")
    if bar.low > min(bar.open, bar.close):
        return Problem(INCONSISTENT_OHLC, f"low {wire(bar.low)} is not the lowest price")
    if bar.time_ns > now_ns + FUTURE_TOLERANCE_NS:
        return Problem(FUTURE_TIME, "the bar begins in the future")
    for name, price in prices.items():
        if problem := _off_grid(name, price, instrument.price_scale):
            return problem
    return _off_grid("volume", bar.volume, instrument.size_scale)


def check_quote(quote: Quote, instrument: Instrument, now_ns: int) -> Problem | None:
    """Hold a quote against the rules that need no other quote."""
    bid, ask = quote.bid_price, quote.ask_price
    for name, price, size in (("bid", bid, quote.bid_size), ("ask", ask, quote.ask_size)):
        if price is None:
            continue
        if price <= 0:
            return Problem(NON_POSITIVE_PRICE, f"{name} is {wire(price)}")
        if size <= 0:
            return Problem(NON_POSITIVE_SIZE, f"{name} size is {wire(size)}")
        if problem := _off_grid(name, price, instrument.price_scale):
            return problem
        if problem := _off_grid(f"{name} size", size, instrument.size_scale):
            return problem
    if bid is not None and ask is not None and bid > ask:
        return Problem(BID_OVER_ASK, f"bid {wire(bid)} is above ask {wire(ask)}")
    return _in_future(quote.time_ns, now_ns)


def check_trade(trade: Trade, instrument: Instrument, now_ns: int) -> Problem | None:
    """Hold a trade against the rules that need no other trade."""
    if trade.price <= 0:
        return Problem(NON_POSITIVE_PRICE, f"price is {wire(trade.price)}")
    if trade.size <= 0:
        return Problem(NON_POSITIVE_SIZE, f"size is {wire(trade.size)}")
    return (
        _off_grid("price", trade.price, instrument.price_scale)
        or _off_grid("size", trade.size, instrument.size_scale)
        or _in_future(trade.time_ns, now_ns)
    )


def _in_future(time_ns: int, now_ns: int) -> Problem | None:
    if time_ns > now_ns + FUTURE_TOLERANCE_NS:
        ahead_ms = (time_ns - now_ns) // 1_000_000
        return Problem(FUTURE_TIME, f"its time is {ahead_ms} ms ahead of the clock")
    return None


def _off_grid(name: str, value: Decimal, scale: int) -> Problem | None:
    """Tell why a value cannot be stored as 64-bit ticks of the instrument's scale."""
    try:
        ticks = to_ticks(value, scale)
    except InvalidInput:
        return Problem(
            WRONG_PRECISION, f"{name} {wire(value)} has more than {scale} decimal places"
        )
    if abs(ticks) > _INT64_MAX:
        return Problem(TOO_LARGE, f"{name} {wire(value)} is too large to be stored")
    return None


def check_order(times_ns: Sequence[int]) -> list[Problem | None]:
    """Judge the order of rows by their times (ns), which must grow from row to row.

    A single wrong time is told from its neighbours: where a row lies after its successor although
    the successor follows what came before, the row is refused and not everything after it.

    >>> [problem and problem.reason for problem in check_order([1, 2, 9, 3, 3, 4])]
    [None, None, 'OUT_OF_ORDER', None, 'DUPLICATE', None]
    """
    problems: list[Problem | None] = []
    last: int | None = None
    for index, time_ns in enumerate(times_ns):
        following = times_ns[index + 1] if index + 1 < len(times_ns) else None
        problem: Problem | None = None
        if last is not None and time_ns == last:
            problem = Problem(DUPLICATE, "a row before it has the same time")
        elif last is not None and time_ns < last:
            problem = Problem(OUT_OF_ORDER, "its time is before that of the row before")
        elif following is not None and following < time_ns and (last is None or following > last):
            problem = Problem(OUT_OF_ORDER, "its time is after that of the row that follows")
        else:
            last = time_ns
        problems.append(problem)
    return problems


def is_apart(price: Decimal, reference: Decimal, share: Decimal) -> bool:
    """Tell whether a price differs from a reference by more than a share of it."""
    return abs(price - reference) > reference * share


def isolated_spikes(closes: Sequence[Decimal]) -> list[Problem | None]:
    """Find closes far from both neighbours while the neighbours agree, as a wrong digit makes.

    A level that stays (a split, a crash) is no spike. First and last are never judged.

    >>> [p and p.reason for p in isolated_spikes([Decimal(x) for x in (10, 101, 10, 5, 5)])]
    [None, 'SPIKE', None, None, None]
    """
    problems: list[Problem | None] = [None] * len(closes)
    for index in range(1, len(closes) - 1):
        before, close, after = closes[index - 1 : index + 2]
        if (
            is_apart(close, before, BAR_SPIKE_SHARE)
            and is_apart(close, after, BAR_SPIKE_SHARE)
            and not is_apart(after, before, BAR_NEIGHBOUR_SHARE)
        ):
            problems[index] = Problem(
                SPIKE, f"close {wire(close)} lies between {wire(before)} and {wire(after)}"
            )
    return problems


class SpikeFilter:
    """Holds live prices that jump until others confirm them.

    A price more than 20 % from the last accepted one is refused; the third in a row that agrees
    with those before it is the market's new level and is let in.
    """

    __slots__ = ("_accepted", "_agreeing", "_suspect")

    def __init__(self) -> None:
        self._accepted: Decimal | None = None
        self._suspect = ZERO
        self._agreeing = 0

    def judge(self, price: Decimal) -> Problem | None:
        """Take the next price."""
        last = self._accepted
        if last is None or not is_apart(price, last, SPIKE_SHARE):
            self._accepted, self._agreeing = price, 0
            return None
        if self._agreeing and not is_apart(price, self._suspect, SPIKE_SHARE):
            self._agreeing += 1
        else:
            self._agreeing = 1
        self._suspect = price
        if self._agreeing >= SPIKE_CONFIRMATIONS:
            self._accepted, self._agreeing = price, 0
            return None
        return Problem(SPIKE, f"price {wire(price)} is too far from the last, {wire(last)}")
