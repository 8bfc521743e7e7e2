"""Bars out of trades, of every length at once."""

from __future__ import annotations

from decimal import Decimal

from pi5.domain.market import Bar, Timeframe, Trade

_NS = 1_000_000_000
LENGTHS = tuple(Timeframe)


def begin_of(time_ns: int, timeframe: Timeframe) -> int:
    """Return the begin (ns) of the bar that a time belongs to; bars lie on the UTC grid.

    >>> begin_of(61 * 1_000_000_000 + 5, Timeframe.M1) // 1_000_000_000
    60
    """
    length_ns = timeframe.seconds * _NS
    return time_ns - time_ns % length_ns


class _Open:
    """A bar that is still growing."""

    __slots__ = ("begin_ns", "close", "end_ns", "high", "low", "open", "volume")

    def __init__(
        self,
        begin_ns: int,
        end_ns: int,
        prices: tuple[Decimal, Decimal, Decimal, Decimal],
        volume: Decimal,
    ) -> None:
        self.begin_ns, self.end_ns = begin_ns, end_ns
        self.open, self.high, self.low, self.close = prices
        self.volume = volume

    def extend(self, high: Decimal, low: Decimal, close: Decimal, volume: Decimal) -> None:
        self.high = max(self.high, high)
        self.low = min(self.low, low)
        self.close = close
        self.volume += volume


class BarBuilder:
    """Builds the bars of one instrument from its trades, which must come in time order.

    Trades make one-second bars, completed seconds make all longer bars, so that every length adds
    up to the same volume. A second without a trade has no bar. An interval that began before
    `since_ns` was not seen whole and gives no bar.
    """

    def __init__(self, symbol: str, source: str, since_ns: int) -> None:
        self._symbol = symbol
        self._source = source
        self._since_ns = since_ns
        self._growing: dict[Timeframe, _Open] = {}

    def on_trade(self, trade: Trade) -> list[Bar]:
        """Add a trade; return the bars that its time completes, shorter lengths first."""
        completed = self.on_time(trade.time_ns)
        self._add(
            Timeframe.S1,
            trade.time_ns,
            (trade.price, trade.price, trade.price, trade.price),
            trade.size,
        )
        return completed

    def on_time(self, now_ns: int) -> list[Bar]:
        """Return the bars that are complete at a time, shorter lengths first."""
        completed: list[Bar] = []
        for timeframe in LENGTHS:
            growing = self._growing.get(timeframe)
            if growing is None or growing.end_ns > now_ns:
                continue
            del self._growing[timeframe]
            if timeframe is Timeframe.S1:
                self._lengthen(growing)
            if growing.begin_ns >= self._since_ns:
                completed.append(self._bar(timeframe, growing))
        return completed

    def _lengthen(self, second: _Open) -> None:
        prices = (second.open, second.high, second.low, second.close)
        for timeframe in LENGTHS[1:]:
            self._add(timeframe, second.begin_ns, prices, second.volume)

    def _add(
        self,
        timeframe: Timeframe,
        time_ns: int,
        prices: tuple[Decimal, Decimal, Decimal, Decimal],
        volume: Decimal,
    ) -> None:
        growing = self._growing.get(timeframe)
        if growing is not None:
            growing.extend(prices[1], prices[2], prices[3], volume)
            return
        begin_ns = begin_of(time_ns, timeframe)
        end_ns = begin_ns + timeframe.seconds * _NS
        self._growing[timeframe] = _Open(begin_ns, end_ns, prices, volume)

    def _bar(self, timeframe: Timeframe, done: _Open) -> Bar:
        return Bar(
            symbol=self._symbol,
            timeframe=timeframe,
            time_ns=done.begin_ns,
            open=done.open,
            high=done.high,
            low=done.low,
            close=done.close,
            volume=done.volume,
            source=self._source,
        )
