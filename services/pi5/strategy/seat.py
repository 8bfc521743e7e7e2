"""A plug-in's seat: one strategy object, what it has seen, and the wishes it has voiced.

The seat is the `Context` that the plug-in is handed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from pi5.domain.market import Bar, Quote, Timeframe
from pi5.domain.money import ZERO
from pi5.domain.order import Side
from pi5.domain.signal import Signal
from pi5.strategy.api import Strategy

_MOST_WISHES = 16
_MOST_INPUTS = 32
_LONGEST_REASON = 500
_MOST_DOUBLINGS = 6


@dataclass(slots=True)
class SharedBook:
    """What is held by (strategy, symbol); one for the engine, replaced with each portfolio."""

    positions: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)

    def qty(self, strategy_id: str, symbol: str) -> Decimal:
        """Return the quantity held."""
        return self.positions.get((strategy_id, symbol), ZERO)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a plug-in asked for, before it has an id."""

    symbol: str
    side: Side
    close_only: bool
    reason: str
    strength: float
    confidence: float
    inputs: Mapping[str, float]
    price: Decimal | None
    event_time_ns: int


@dataclass(slots=True)
class _Missed:
    """An exit that was not carried out; `wait_bars` before it is given again.

    It is dropped after `flat_bars` bars without a position: not at once, because the portfolio may
    hear of the fill later than bars come.
    """

    wish: Wish
    why: str
    wait_bars: int = 0
    flat_bars: int = 5


class Seat:
    """One strategy object at its place; see `pi5.strategy.api.Context` for the plug-in's view."""

    __slots__ = (
        "_book",
        "_event",
        "_intents",
        "_last_ns",
        "_missed",
        "_prices",
        "_provisional",
        "_retries",
        "_wishes",
        "muted",
        "plugin",
        "strategy_id",
        "symbol",
        "symbols",
        "timeframe",
        "warm",
    )

    def __init__(
        self,
        strategy_id: str,
        plugin: Strategy,
        symbols: tuple[str, ...],
        timeframe: Timeframe,
        book: SharedBook,
    ) -> None:
        self.strategy_id = strategy_id
        self.plugin = plugin
        self.symbols = symbols
        self.timeframe = timeframe
        self.muted = True
        self._book = book
        self._wishes: list[Wish] = []
        self.reset(warm=False)

    def reset(self, warm: bool) -> None:
        """Forget everything seen; the plug-in's `on_start` must follow."""
        self.symbol = self.symbols[0]
        self.warm = warm
        self._provisional: set[str] = set()
        self._last_ns: dict[str, int] = {}
        self._prices: dict[str, Decimal] = {}
        self._intents: dict[str, Side] = {}
        self._missed: dict[str, _Missed] = {}
        self._retries: dict[str, int] = {}
        self._wishes.clear()
        self._event: Bar | Quote | None = None

    # What the engine asks

    def follows(self, bar: Bar) -> bool:
        """Tell whether a bar goes on from what was seen; if not, history must be shown first."""
        if not self.warm:
            return False
        last = self._last_ns.get(bar.symbol)
        if bar.symbol in self._provisional:
            # Warmed up to the newest bar of the store, which a live bar may or may not follow.
            length = self.timeframe.seconds * 1_000_000_000
            return last is not None and bar.time_ns in {last, last + length}
        return last is None or bar.time_ns >= last

    def sees(self, bar: Bar) -> bool:
        """Take note of a bar; False when it was seen before."""
        last = self._last_ns.get(bar.symbol)
        if not self.warm or (last is not None and bar.time_ns <= last):
            return False
        self._last_ns[bar.symbol] = bar.time_ns
        self.symbol = bar.symbol
        self._event = bar
        self._prices[bar.symbol] = bar.close
        if self._provisional:
            self._provisional.discard(bar.symbol)
        return True

    def sees_quote(self, quote: Quote) -> bool:
        """Take note of a quote; False while history is missing."""
        self.symbol = quote.symbol
        self._event = quote
        return self.warm

    def mark_provisional(self) -> None:
        """Note that the history ended at the store's newest bar, not before a known live one."""
        self._provisional = set(self.symbols)

    @property
    def last_event_ns(self) -> int:
        """Time of the event seen last; 0 before the first."""
        return self._event_time_ns()

    def take_wishes(self) -> list[Wish]:
        """Return what the plug-in asked for during the event, or an exit it gave while unheard."""
        wishes = self._wishes
        if self.muted:
            for wish in wishes:
                self._missed[wish.symbol] = _Missed(wish, "given while not running")
            wishes.clear()
            return []
        if self._missed and isinstance(self._event, Bar):
            self._catch_up(self._event.symbol)
            wishes = self._wishes
        if wishes:
            self._wishes = []
        return wishes

    def _catch_up(self, symbol: str) -> None:
        """Voice an exit that was not carried out, while its position is still held.

        Only exits: an entry that was missed is over, a position that should be closed is a risk.
        """
        missed = self._missed.get(symbol)
        if missed is None:
            return
        spoken = any(wish.symbol == symbol for wish in self._wishes)
        flat = self.position(symbol) * missed.wish.side.sign >= 0
        missed.flat_bars -= flat
        if spoken or not missed.flat_bars:
            del self._missed[symbol]
            self._retries.pop(symbol, None)
        elif flat:
            return
        elif missed.wait_bars:
            missed.wait_bars -= 1
        else:
            del self._missed[symbol]
            wish = missed.wish
            reason = wish.reason.removeprefix(f"{missed.why}: ")
            self._wish(symbol, wish.side, True, f"{missed.why}: {reason}", 1.0, 1.0, wish.inputs)

    def signal(self, wish: Wish, signal_id: str, now_ns: int) -> Signal:
        """Make the signal of a wish."""
        return Signal(
            id=signal_id,
            strategy_id=self.strategy_id,
            symbol=wish.symbol,
            side=wish.side,
            strength=wish.strength,
            confidence=wish.confidence,
            reason=wish.reason,
            reference_price=wish.price,
            event_time_ns=wish.event_time_ns,
            created_at_ns=now_ns,
            close_only=wish.close_only,
            inputs=wish.inputs,
        )

    def on_refused(self, signal: Signal) -> None:
        """Take note that nothing came of a signal.

        An exit is given again, at the next bar, then after 2, 4, … 64 bars: whatever stood against
        it (a stream that broke, a portfolio that had not heard of the fill, a halt) may be gone.
        """
        symbol = signal.symbol
        self._intents.pop(symbol, None)
        if not signal.close_only:
            return
        tried = self._retries.get(symbol, 0)
        self._retries[symbol] = min(tried + 1, _MOST_DOUBLINGS)
        wish = Wish(
            symbol,
            signal.side,
            True,
            signal.reason,
            signal.strength,
            signal.confidence,
            signal.inputs,
            signal.reference_price,
            signal.event_time_ns,
        )
        self._missed[symbol] = _Missed(wish, "not carried out before", 2**tried - 1)

    # What the plug-in sees

    def position(self, symbol: str = "") -> Decimal:
        """Return what the strategy holds of a symbol."""
        return self._book.qty(self.strategy_id, symbol or self.symbol)

    def buy(
        self,
        reason: str,
        *,
        strength: float = 1.0,
        confidence: float = 1.0,
        inputs: Mapping[str, float] | None = None,
        symbol: str = "",
    ) -> None:
        """Wish to be long."""
        wanted = symbol or self.symbol
        self._wish(wanted, Side.BUY, False, reason, strength, confidence, inputs)
        self._intents[wanted] = Side.BUY

    def sell(
        self,
        reason: str,
        *,
        strength: float = 1.0,
        confidence: float = 1.0,
        inputs: Mapping[str, float] | None = None,
        symbol: str = "",
    ) -> None:
        """Wish to be short."""
        wanted = symbol or self.symbol
        self._wish(wanted, Side.SELL, False, reason, strength, confidence, inputs)
        self._intents[wanted] = Side.SELL

    def close(
        self,
        reason: str,
        *,
        strength: float = 1.0,
        confidence: float = 1.0,
        inputs: Mapping[str, float] | None = None,
        symbol: str = "",
    ) -> None:
        """Wish to be out.

        A position whose order is still on its way counts: the portfolio learns of a fill later
        than the strategy may want to leave it.
        """
        wanted = symbol or self.symbol
        held = self.position(wanted)
        opened = self._intents.pop(wanted, None)
        if held:
            side = Side.SELL if held > 0 else Side.BUY
        elif opened is not None:
            side = opened.opposite
        else:
            return
        self._wish(wanted, side, True, reason, strength, confidence, inputs)

    def _wish(
        self,
        symbol: str,
        side: Side,
        close_only: bool,
        reason: str,
        strength: float,
        confidence: float,
        inputs: Mapping[str, float] | None,
    ) -> None:
        if self._event is None:
            raise ValueError("a signal answers a bar or a quote; on_start sees neither")
        if symbol not in self.symbols:
            raise ValueError(f"this strategy does not trade {symbol}")
        for name, share in (("strength", strength), ("confidence", confidence)):
            if not 0.0 <= share <= 1.0:
                raise ValueError(f"{name} must lie in 0..1, not {share}")
        figures = {str(name): float(value) for name, value in (inputs or {}).items()}
        if len(figures) > _MOST_INPUTS or not all(map(math.isfinite, figures.values())):
            raise ValueError(f"inputs must be at most {_MOST_INPUTS} finite numbers")
        if len(self._wishes) >= _MOST_WISHES:
            raise ValueError(f"more than {_MOST_WISHES} signals for one event")
        self._wishes.append(
            Wish(
                symbol,
                side,
                close_only,
                str(reason)[:_LONGEST_REASON],
                float(strength),
                float(confidence),
                figures,
                self._price(symbol, side),
                self._event_time_ns(),
            )
        )

    def _price(self, symbol: str, side: Side) -> Decimal | None:
        event = self._event
        if isinstance(event, Quote) and event.symbol == symbol:
            return event.ask_price if side is Side.BUY else event.bid_price
        return self._prices.get(symbol)

    def _event_time_ns(self) -> int:
        event = self._event
        if isinstance(event, Bar):
            return event.end_ns
        return event.time_ns if event else 0
