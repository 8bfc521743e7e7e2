"""A market that makes itself: a seeded crowd trading with itself through the native engine.

Of each instrument three makers quote ladders around a slowly wandering fair value, noise traders
come at random, trend followers chase the last moves, and value traders bring the price back. All
of them send orders to a real matching engine, so quotes, trades and depth hang together as those
of a venue do.

Pure and repeatable: the same seed gives the same events, however the time is cut into steps and on
every machine. Therefore only + - * / and square roots touch the crowd's floats (they round the
same everywhere, logarithms do not), and every price and size that leaves is a whole number.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from random import Random

import pi5_core

from pi5.domain.instrument import Instrument
from pi5.domain.market import Quote, Trade
from pi5.domain.money import ZERO, from_ticks
from pi5.domain.order import Side

_NS = 1_000_000_000
MAKERS = (1, 2, 3)
NOISE, TREND, VALUE = 4, 5, 6
_MAKER_LEVELS = 5
_NOISE_ORDERS_MAX = 30
# The fair value in shares of the opening price: its wander in a second, the pull back home in a
# second, and how far a trend carries it in a second.
_WANDER, _PULL, _DRIFT_MAX = 0.0004, 0.001, 0.0002
_TREND_SECONDS_MIN, _TREND_SECONDS_MAX = 20.0, 60.0
_LOT_SIZES = (10, 20, 30, 50, 80, 100)


@dataclass(slots=True)
class Step:
    """What happened in a step, in order."""

    quotes: list[Quote] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)


@dataclass(slots=True)
class Volume:
    """Lots that went into the book and what became of them: in = resting + 2 * traded + out."""

    submitted: int = 0
    traded: int = 0
    canceled: int = 0


class _FairValue:
    """What the makers believe an instrument is worth, in ticks."""

    __slots__ = ("_drift", "_home", "_rng", "_trend_ends", "ticks")

    def __init__(self, start_ticks: int, home_ticks: int, rng: Random) -> None:
        self.ticks = float(start_ticks)
        self._home = float(home_ticks)
        self._rng = rng
        self._drift = 0.0
        self._trend_ends = 0.0

    def wander(self, seconds: float) -> None:
        """Move on by a time."""
        rng = self._rng
        self._trend_ends -= seconds
        if self._trend_ends <= 0:
            span = _TREND_SECONDS_MAX - _TREND_SECONDS_MIN
            self._trend_ends = _TREND_SECONDS_MIN + span * rng.random()
            self._drift = (2 * rng.random() - 1) * _DRIFT_MAX
        # Three uniforms make a bell of variance 1/4 without a logarithm.
        bell = 2 * (rng.random() + rng.random() + rng.random() - 1.5)
        pull = _PULL * (self._home - self.ticks) * seconds
        noise = _WANDER * self._home * sqrt(seconds) * bell
        self.ticks += self._drift * self._home * seconds + noise + pull
        # Far from zero, so that ladders below it stay positive.
        self.ticks = max(self.ticks, self._home / 10)


class SymbolMarket:
    """The crowd and the book of one instrument."""

    def __init__(
        self, instrument: Instrument, start_ticks: int, home_ticks: int, rng: Random, now_ns: int
    ) -> None:
        self.instrument = instrument
        self.engine = pi5_core.MatchingEngine()
        self.volume = Volume()
        self.changes = 0
        self._rng = rng
        self._fair = _FairValue(start_ticks, home_ticks, rng)
        self._half_spread = max(1, start_ticks // 5_000)
        self._fast = self._slow = float(start_ticks)
        self._orders = 0
        self._turn = 0
        self._ladders: dict[int, list[int]] = {maker: [] for maker in MAKERS}
        self._noise_orders: deque[int] = deque()
        self._last_ns = now_ns
        self._trades: list[Trade] = []
        self._top: tuple[tuple[int, int] | None, tuple[int, int] | None] = (None, None)
        for maker in MAKERS:
            self._requote(maker, now_ns)

    def decide(self, now_ns: int, step: Step) -> None:
        """Let one participant act and add what came of it to the step."""
        rng = self._rng
        self._fair.wander((now_ns - self._last_ns) / _NS)
        self._last_ns = now_ns
        dice = rng.random()
        if dice < 0.45:
            self._turn += 1
            self._requote(MAKERS[self._turn % len(MAKERS)], now_ns)
        elif dice < 0.75:
            self._trade_noise(now_ns)
        elif dice < 0.88:
            self._follow_trend(now_ns)
        else:
            self._trade_value(now_ns)
        step.trades.extend(self._trades)
        self._trades.clear()
        top = (self.engine.best_bid(), self.engine.best_ask())
        if top != self._top:
            self._top = top
            step.quotes.append(self.quote(now_ns))

    def quote(self, now_ns: int) -> Quote:
        """Return the best bid and ask, stamped with a time."""
        scale, lots = self.instrument.price_scale, self.instrument.size_scale
        bid, ask = self.engine.best_bid(), self.engine.best_ask()
        tick, lot = self._tick, self._lot
        return Quote(
            symbol=self.instrument.symbol,
            time_ns=now_ns,
            bid_price=from_ticks(bid[0] * tick, scale) if bid else None,
            bid_size=from_ticks(bid[1] * lot, lots) if bid else ZERO,
            ask_price=from_ticks(ask[0] * tick, scale) if ask else None,
            ask_size=from_ticks(ask[1] * lot, lots) if ask else ZERO,
        )

    @property
    def _tick(self) -> int:
        """One price tick in units of the instrument's price scale."""
        return int(self.instrument.tick_size.scaleb(self.instrument.price_scale))

    @property
    def _lot(self) -> int:
        return int(self.instrument.lot_size.scaleb(self.instrument.size_scale))

    def _submit(
        self, participant: int, side: Side, price: int, lots: int, now_ns: int, *, rest: bool
    ) -> int:
        """Send an order; return its id if it rests in the book, else 0."""
        self._orders += 1
        result = self.engine.submit(
            self._orders,
            participant,
            pi5_core.BUY if side is Side.BUY else pi5_core.SELL,
            pi5_core.LIMIT,
            price,
            lots,
            pi5_core.GTC if rest else pi5_core.IOC,
        )
        self.changes += 1
        self.volume.submitted += lots
        for fill in result.fills:
            self._report(fill.price, fill.quantity, side, now_ns)
        if result.status in (pi5_core.CANCELED, pi5_core.REJECTED):
            self.volume.canceled += result.remaining
        if result.status in (pi5_core.RESTING, pi5_core.PARTIALLY_FILLED):
            return self._orders
        return 0

    def _report(self, price: int, lots: int, side: Side, now_ns: int) -> None:
        self.volume.traded += lots
        self._fast += (price - self._fast) * 0.2
        self._slow += (price - self._slow) * 0.04
        self._trades.append(
            Trade(
                symbol=self.instrument.symbol,
                time_ns=now_ns,
                price=from_ticks(price * self._tick, self.instrument.price_scale),
                size=from_ticks(lots * self._lot, self.instrument.size_scale),
                aggressor=side,
            )
        )

    def _cancel(self, order_id: int) -> None:
        open_lots = self.engine.cancel(order_id)
        if open_lots is not None:
            self.changes += 1
            self.volume.canceled += open_lots

    def _requote(self, maker: int, now_ns: int) -> None:
        """Replace a maker's ladder by one around the fair value as it is now.

        Each maker sees the fair value a little differently, and where its ladder reaches into the
        book it trades: that is how the price finds its way.
        """
        for order_id in self._ladders[maker]:
            self._cancel(order_id)
        view = self._fair.ticks + (self._rng.random() - 0.5) * self._half_spread
        step = max(1, self._half_spread // 2)
        ladder: list[int] = []
        for level in range(_MAKER_LEVELS):
            away = self._half_spread + level * step
            lots = self._rng.choice(_LOT_SIZES) * (level + 2)
            for side in (Side.BUY, Side.SELL):
                price = max(1, int(view) - side.sign * away)
                ladder.append(self._submit(maker, side, price, lots, now_ns, rest=True))
        self._ladders[maker] = [order_id for order_id in ladder if order_id]

    def _hit(self, participant: int, side: Side, now_ns: int) -> None:
        """Take what the other side offers, within two percent of its best price."""
        best = self.engine.best_ask() if side is Side.BUY else self.engine.best_bid()
        if best is None:
            return
        worst = max(1, best[0] + side.sign * (best[0] // 50))
        lots = self._rng.choice(_LOT_SIZES)
        self._submit(participant, side, worst, lots, now_ns, rest=False)

    def _trade_noise(self, now_ns: int) -> None:
        rng = self._rng
        side = Side.BUY if rng.random() < 0.5 else Side.SELL
        if rng.random() < 0.5:
            self._hit(NOISE, side, now_ns)
            return
        away = int(self._half_spread * (0.5 + 3 * rng.random()))
        price = max(1, int(self._fair.ticks) - side.sign * away)
        order_id = self._submit(NOISE, side, price, rng.choice(_LOT_SIZES), now_ns, rest=True)
        if order_id:
            self._noise_orders.append(order_id)
        if len(self._noise_orders) > _NOISE_ORDERS_MAX:
            self._cancel(self._noise_orders.popleft())

    def _follow_trend(self, now_ns: int) -> None:
        if abs(self._fast - self._slow) > self._half_spread / 2:
            side = Side.BUY if self._fast > self._slow else Side.SELL
            self._hit(TREND, side, now_ns)

    def _trade_value(self, now_ns: int) -> None:
        bid, ask = self.engine.best_bid(), self.engine.best_ask()
        if ask is not None and ask[0] < self._fair.ticks:
            self._hit(VALUE, Side.BUY, now_ns)
        elif bid is not None and bid[0] > self._fair.ticks:
            self._hit(VALUE, Side.SELL, now_ns)


@dataclass(frozen=True, slots=True)
class Opening:
    """How an instrument's market opens: prices in ticks (home is where it is pulled to)."""

    instrument: Instrument
    start_ticks: int
    home_ticks: int
    rng: Random


class SyntheticMarket:
    """The markets of several instruments on one clock.

    Args:
        openings: one for each instrument, each with a random generator of its own, so that an
            instrument's events do not depend on which others there are.
        orders_per_second: mean number of decisions for each instrument.
        now_ns: when it opens.
    """

    def __init__(self, openings: Sequence[Opening], orders_per_second: float, now_ns: int) -> None:
        self.now_ns = now_ns
        self._mean_ns = _NS / orders_per_second
        self.markets = {
            opening.instrument.symbol: SymbolMarket(
                opening.instrument, opening.start_ticks, opening.home_ticks, opening.rng, now_ns
            )
            for opening in openings
        }
        self._rngs = {opening.instrument.symbol: opening.rng for opening in openings}
        self._due = [(self._next(symbol, now_ns), symbol) for symbol in self.markets]
        heapq.heapify(self._due)

    @property
    def next_ns(self) -> int:
        """When the next participant acts."""
        return self._due[0][0]

    def step(self, duration_ns: int) -> Step:
        """Let time pass and return what happened in it, in time order."""
        self.now_ns += duration_ns
        step = Step()
        while self._due[0][0] <= self.now_ns:
            time_ns, symbol = self._due[0]
            self.markets[symbol].decide(time_ns, step)
            heapq.heapreplace(self._due, (self._next(symbol, time_ns), symbol))
        return step

    def sleep_until(self, now_ns: int) -> None:
        """Move the clock on without any trading, as after the machine was suspended."""
        late_ns = now_ns - self.now_ns
        self.now_ns = now_ns
        self._due = [(time_ns + late_ns, symbol) for time_ns, symbol in self._due]

    def _next(self, symbol: str, time_ns: int) -> int:
        """Return when the next decision comes: even waiting times between 0 and twice the mean."""
        return time_ns + 1 + int(2 * self._mean_ns * self._rngs[symbol].random())
