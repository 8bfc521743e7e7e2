# Docstrings stay: editors show a stub's, and the compiled module has none of its own.
# `open` is what the first price of a bar is called.
# ruff: noqa: A002, PYI021
"""Native core of the Pi5 Trading System.

Prices are integer ticks and quantities integer lots (64-bit signed), ids and participants 64-bit
unsigned. Array arguments are contiguous one-dimensional float64; array functions release the
interpreter lock.
"""

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias, final

import numpy as np
import numpy.typing as npt

_Values: TypeAlias = npt.NDArray[np.float64]

_Prices: TypeAlias = npt.NDArray[np.int64]
_Codes: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.int8] | npt.NDArray[np.int64]
_Ids: TypeAlias = npt.NDArray[np.uint64] | npt.NDArray[np.int64]
_Touch: TypeAlias = tuple[int | None, int | None]
_Level: TypeAlias = tuple[int, int]
_CountedLevel: TypeAlias = tuple[int, int, int]

# Sides.
BUY: Final[int]
SELL: Final[int]

# Order types.
LIMIT: Final[int]
MARKET: Final[int]
STOP: Final[int]
STOP_LIMIT: Final[int]
TRAILING_STOP: Final[int]

# Times in force.
GTC: Final[int]
IOC: Final[int]
FOK: Final[int]
DAY: Final[int]
GTD: Final[int]

# Statuses.
RESTING: Final[int]
FILLED: Final[int]
PARTIALLY_FILLED: Final[int]
CANCELED: Final[int]
REJECTED: Final[int]
PENDING: Final[int]

# Market phases.
CONTINUOUS: Final[int]
HALTED: Final[int]
AUCTION: Final[int]

# Links between orders: one cancels the others, one updates the others.
OCO: Final[int]
OUO: Final[int]

# Self-trade policies.
ALLOW_SELF_TRADE: Final[int]
CANCEL_NEWEST: Final[int]
CANCEL_OLDEST: Final[int]
CANCEL_BOTH: Final[int]
DECREMENT: Final[int]

# Operations of MatchingEngine.apply.
OP_LIMIT: Final[int]
OP_MARKET: Final[int]
OP_CANCEL: Final[int]
OP_REPLACE: Final[int]

# Actions of L3Book.apply.
ADD: Final[int]
UPDATE: Final[int]
DELETE: Final[int]

# Answers of L2Book.admit.
APPLY: Final[int]
OLD: Final[int]
GAP: Final[int]
WRONG_INSTRUMENT: Final[int]

# What best price arrays have where a side is empty.
NO_BID: Final[int]
NO_ASK: Final[int]

@final
class L2Book:
    """Price to quantity. Crossed and locked states are flagged, never repaired."""

    def __new__(cls, instrument: int | None = None) -> Self: ...
    def update(self, side: int, price: int, quantity: int) -> _Touch:
        """Set a level's quantity (0 deletes, negative is ignored); returns best bid and ask."""

    def apply(
        self, sides: _Codes, prices: _Prices, quantities: _Prices, touch: bool = False
    ) -> tuple[_Prices, _Prices] | None:
        """Update from columns; with `touch` returns best bid and ask after each row."""

    def snapshot(self, bids: list[_Level], asks: list[_Level], sequence: int = 0) -> None:
        """Replace everything by the given (price, quantity) levels."""

    def admit(self, sequence: int, instrument: int | None = None) -> int:
        """Judge the next message of a feed: APPLY, OLD, GAP or WRONG_INSTRUMENT.

        From a gap until the next snapshot the book is stale and every message is a GAP.
        """

    def export(self) -> list[tuple[int | None, int, int, bool]]:
        """The book as (side, price, quantity, is_last) steps; the first one (side None) clears."""

    def clear(self, side: int | None = None) -> None: ...
    def best_bid(self) -> _Level | None:
        """Best (price, quantity)."""

    def best_ask(self) -> _Level | None: ...
    def depth(self, levels: int) -> tuple[list[_Level], list[_Level]]:
        """Bids and asks, best first, as (price, quantity)."""

    def depth_columns(self, side: int, levels: int) -> tuple[_Prices, _Prices]:
        """Prices and quantities of one side as arrays, best first."""

    def quantity_at(self, side: int, price: int) -> int: ...
    def quantity_within(self, side: int, price: int) -> int:
        """Quantity at this price and better."""

    def cost(self, side: int, quantity: int) -> tuple[int, int, int | None]:
        """What an order would meet: (filled, sum of price times quantity, worst price)."""

    @property
    def is_crossed(self) -> bool: ...
    @property
    def is_locked(self) -> bool: ...
    @property
    def is_stale(self) -> bool: ...
    @property
    def gaps(self) -> int: ...
    @property
    def ignored(self) -> int:
        """Updates with a negative quantity."""

    @property
    def sequence(self) -> int: ...
    def __len__(self) -> int:
        """Number of levels of both sides."""

@final
class L3Book:
    """Every resting order in price-time priority.

    An add with a known id replaces the old order; updates and deletes of unknown ids change
    nothing; both are counted in `anomalies`.
    """

    def __new__(cls) -> Self: ...
    def add(self, order_id: int, side: int, price: int, quantity: int) -> _Touch:
        """Put an order at the back of its level; returns best bid and ask."""

    def update(self, order_id: int, price: int, quantity: int) -> _Touch:
        """Change an order; a decrease at the same price keeps its place, 0 deletes."""

    def delete(self, order_id: int) -> _Touch: ...
    def apply(
        self,
        actions: _Codes,
        order_ids: _Ids,
        sides: _Codes,
        prices: _Prices,
        quantities: _Prices,
        touch: bool = False,
    ) -> tuple[_Prices, _Prices] | None:
        """Rows of ADD, UPDATE and DELETE; with `touch` returns best prices after each row."""

    def clear(self) -> None: ...
    def best_bid(self) -> _CountedLevel | None:
        """Best (price, total quantity, number of orders)."""

    def best_ask(self) -> _CountedLevel | None: ...
    def depth(self, levels: int) -> tuple[list[_CountedLevel], list[_CountedLevel]]:
        """Bids and asks, best first, as (price, total quantity, number of orders)."""

    def cost(self, side: int, quantity: int) -> tuple[int, int, int | None]:
        """What an order would meet: (filled, sum of price times quantity, worst price)."""

    def order(self, order_id: int) -> tuple[int, int, int] | None:
        """Side, price and quantity of a resting order."""

    def queue_ahead(self, order_id: int) -> tuple[int, int] | None:
        """Quantity and number of orders that would be filled before this one."""

    @property
    def is_crossed(self) -> bool: ...
    @property
    def is_locked(self) -> bool: ...
    @property
    def anomalies(self) -> tuple[int, int, int]:
        """Duplicate adds, unknown orders and bad quantities seen so far."""

    def __len__(self) -> int:
        """Number of resting orders."""

@final
class Fill:
    """One trade, at the maker's price. `sequence` numbers the engine's trades from 1.

    In an auction both orders rested; the buyer is reported as the taker.
    """

    @property
    def maker_id(self) -> int: ...
    @property
    def taker_id(self) -> int: ...
    @property
    def maker_participant(self) -> int: ...
    @property
    def taker_participant(self) -> int: ...
    @property
    def price(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    @property
    def taker_side(self) -> int: ...
    @property
    def sequence(self) -> int: ...

@final
class NewOrder:
    """An order that is not sent yet; the arguments are those of `MatchingEngine.submit`."""

    def __new__(
        cls,
        order_id: int,
        participant: int,
        side: int,
        order_type: int,
        price: int,
        quantity: int,
        time_in_force: int = 0,
        post_only: bool = False,
        *,
        stop_price: int | None = None,
        trail_offset: int | None = None,
        activation_price: int | None = None,
        display_quantity: int | None = None,
        expire_at: int | None = None,
        reduce_only: bool = False,
    ) -> Self: ...

@final
class SubmitResult:
    """What a submit or replace did. `reason` is a stable code when refused or canceled."""

    @property
    def status(self) -> int:
        """RESTING, FILLED, PARTIALLY_FILLED (the rest rests), CANCELED, REJECTED or PENDING."""

    @property
    def fills(self) -> list[Fill]:
        """Every trade of the call, in order, those of orders that it triggered included."""

    @property
    def remaining(self) -> int: ...
    @property
    def reason(self) -> str | None: ...

@final
class BatchResult:
    """Fills as columns, and status and remaining quantity of each operation."""

    @property
    def maker_id(self) -> npt.NDArray[np.uint64]: ...
    @property
    def taker_id(self) -> npt.NDArray[np.uint64]: ...
    @property
    def maker_participant(self) -> npt.NDArray[np.uint64]: ...
    @property
    def taker_participant(self) -> npt.NDArray[np.uint64]: ...
    @property
    def price(self) -> _Prices: ...
    @property
    def quantity(self) -> _Prices: ...
    @property
    def taker_side(self) -> npt.NDArray[np.uint8]: ...
    @property
    def sequence(self) -> npt.NDArray[np.uint64]: ...
    @property
    def status(self) -> npt.NDArray[np.uint8]: ...
    @property
    def remaining(self) -> _Prices: ...

@final
class MatchingEngine:
    """Orders of many participants, matched in price-time priority.

    Stops start when a trade happens at their stop price or beyond. Ids are unique among open
    orders. Everything is deterministic; the only clock is `advance`.
    """

    def __new__(cls, self_trade: int = 0, track_positions: bool = False) -> Self: ...
    def submit(
        self,
        order_id: int,
        participant: int,
        side: int,
        order_type: int,
        price: int,
        quantity: int,
        time_in_force: int = 0,
        post_only: bool = False,
        *,
        stop_price: int | None = None,
        trail_offset: int | None = None,
        activation_price: int | None = None,
        display_quantity: int | None = None,
        expire_at: int | None = None,
        reduce_only: bool = False,
    ) -> SubmitResult: ...
    def submit_order(self, order: NewOrder) -> SubmitResult: ...
    def apply(
        self,
        operations: _Codes,
        order_ids: _Ids,
        sides: _Codes,
        prices: _Prices,
        quantities: _Prices,
        participants: _Ids | None = None,
    ) -> BatchResult:
        """Rows of OP_LIMIT, OP_MARKET, OP_CANCEL and OP_REPLACE in one call."""

    def cancel(self, order_id: int) -> int | None:
        """Cancel an order; returns what was open of it, None when it is unknown."""

    def cancel_all(self, participant: int | None = None) -> int: ...
    def replace(self, order_id: int, price: int, quantity: int) -> SubmitResult:
        """Change price and total quantity (what has traded counts).

        A decrease at the same price keeps its place; anything else goes to the back and may
        trade. A refused replace changes nothing.
        """

    def link(self, order_ids: list[int], link: int) -> bool:
        """Link open orders as OCO or OUO; False when one is unknown or already linked."""

    def attach(self, parent_id: int, children: list[NewOrder], link: int | None = None) -> bool:
        """Hold orders until an open parent has traded; a bracket is two children with OCO."""

    def advance(self, now: int) -> int:
        """Move the clock (any unit) and expire GTD orders before it; returns how many."""

    def end_session(self) -> int:
        """Cancel what is open of DAY orders; returns how many."""

    def halt(self) -> None: ...
    def start_auction(self) -> None: ...
    def resume(self) -> None:
        """Trade continuously; an auction ends with its uncross. See `take_fills`."""

    def indicative_price(self) -> tuple[int, int] | None:
        """Price and quantity that an uncross would trade now."""

    def set_price_band(self, low: int | None = None, high: int | None = None) -> None:
        """Bound prices, both ends inclusive; without arguments lift the bounds."""

    def set_position(self, participant: int, position: int) -> None: ...
    def position(self, participant: int) -> int: ...
    def take_fills(self) -> list[Fill]:
        """Take the fills of cancel, advance, end_session and resume."""

    def events(self) -> list[tuple[str, int, int, int, str | None]]:
        """The last call's events besides fills.

        Each is (kind, order id, open quantity, sequence of the last trade before it, reason);
        kinds: TRIGGERED, ACTIVATED, REPLENISHED, REDUCED, RELEASED, CANCELED.
        """

    def best_bid(self) -> _Level | None: ...
    def best_ask(self) -> _Level | None: ...
    def depth(self, levels: int) -> tuple[list[_CountedLevel], list[_CountedLevel]]:
        """Bids and asks, best first, as (price, displayed quantity, number of orders)."""

    def cost(self, side: int, quantity: int) -> tuple[int, int, int | None]:
        """What an order would meet: (filled, sum of price times quantity, worst price)."""

    def remaining(self, order_id: int) -> int | None: ...
    def stop_price(self, order_id: int) -> int | None: ...
    def queue_ahead(self, order_id: int) -> tuple[int, int] | None: ...
    def open_ids(self, participant: int | None = None) -> list[int]: ...
    @property
    def phase(self) -> int: ...
    @property
    def last_price(self) -> int | None: ...
    @property
    def sequence(self) -> int: ...
    def __len__(self) -> int:
        """Number of resting orders."""

# Indicators. A class takes one update at a time and answers with its outputs, NaN until it has
# had `warm_up` updates; the function of the same name takes contiguous float64 columns. Those that
# TA-Lib has equal it, warm-up included.

@final
class Sma:
    """Simple moving average."""

    def __new__(cls, period: int = 20) -> Self: ...
    def update(self, values: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Ema:
    """Exponential moving average, weight 2 / (period + 1), seeded by a simple average."""

    def __new__(cls, period: int = 20) -> Self: ...
    def update(self, values: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Wma:
    """Linearly weighted moving average."""

    def __new__(cls, period: int = 20) -> Self: ...
    def update(self, values: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Dema:
    """Double exponential moving average."""

    def __new__(cls, period: int = 20) -> Self: ...
    def update(self, values: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Tema:
    """Triple exponential moving average."""

    def __new__(cls, period: int = 20) -> Self: ...
    def update(self, values: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Hma:
    """Hull moving average."""

    def __new__(cls, period: int = 20) -> Self: ...
    def update(self, values: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Kama:
    """Kaufman's adaptive moving average."""

    def __new__(cls, period: int = 30) -> Self: ...
    def update(self, values: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Rsi:
    """Wilder's relative strength index, 0 to 100."""

    def __new__(cls, period: int = 14) -> Self: ...
    def update(self, values: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Macd:
    """Moving average convergence and divergence: line, signal, histogram."""

    def __new__(cls, fast: int = 12, slow: int = 26, signal: int = 9) -> Self: ...
    def update(self, values: float) -> tuple[float, float, float]: ...
    @property
    def value(self) -> tuple[float, float, float]: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Roc:
    """Rate of change in percent."""

    def __new__(cls, period: int = 10) -> Self: ...
    def update(self, values: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Momentum:
    """Difference to the value `period` updates ago."""

    def __new__(cls, period: int = 10) -> Self: ...
    def update(self, values: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Bollinger:
    """Upper, middle and lower band, population standard deviation."""

    def __new__(cls, period: int = 20, deviations: float = 2.0) -> Self: ...
    def update(self, values: float) -> tuple[float, float, float]: ...
    @property
    def value(self) -> tuple[float, float, float]: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class ZScore:
    """Distance from the rolling mean in population standard deviations."""

    def __new__(cls, period: int = 20) -> Self: ...
    def update(self, values: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class RealizedVolatility:
    """Root of the mean squared log return, scaled to a year."""

    def __new__(cls, period: int = 20, periods_per_year: float = 1.0) -> Self: ...
    def update(self, values: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class StochasticRsi:
    """Stochastic of the relative strength index: fast %K and %D."""

    def __new__(cls, period: int = 14, fast_k: int = 5, fast_d: int = 3) -> Self: ...
    def update(self, values: float) -> tuple[float, float]: ...
    @property
    def value(self) -> tuple[float, float]: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Donchian:
    """Highest high, middle, lowest low."""

    def __new__(cls, period: int = 20) -> Self: ...
    def update(self, high: float, low: float) -> tuple[float, float, float]: ...
    @property
    def value(self) -> tuple[float, float, float]: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Ichimoku:
    """Conversion line, base line and the two leading spans, not shifted."""

    def __new__(cls, conversion: int = 9, base: int = 26, span: int = 52) -> Self: ...
    def update(self, high: float, low: float) -> tuple[float, float, float, float]: ...
    @property
    def value(self) -> tuple[float, float, float, float]: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Aroon:
    """Aroon down and up, 0 to 100."""

    def __new__(cls, period: int = 14) -> Self: ...
    def update(self, high: float, low: float) -> tuple[float, float]: ...
    @property
    def value(self) -> tuple[float, float]: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class ParabolicSar:
    """Wilder's parabolic stop and reverse."""

    def __new__(cls, step: float = 0.02, limit: float = 0.2) -> Self: ...
    def update(self, high: float, low: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Atr:
    """Wilder's average true range."""

    def __new__(cls, period: int = 14) -> Self: ...
    def update(self, high: float, low: float, close: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Adx:
    """Average directional index."""

    def __new__(cls, period: int = 14) -> Self: ...
    def update(self, high: float, low: float, close: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Dmi:
    """Average directional index, plus and minus directional indicator."""

    def __new__(cls, period: int = 14) -> Self: ...
    def update(self, high: float, low: float, close: float) -> tuple[float, float, float]: ...
    @property
    def value(self) -> tuple[float, float, float]: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Cci:
    """Commodity channel index."""

    def __new__(cls, period: int = 14) -> Self: ...
    def update(self, high: float, low: float, close: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class WilliamsR:
    """Williams %R, -100 to 0."""

    def __new__(cls, period: int = 14) -> Self: ...
    def update(self, high: float, low: float, close: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Stochastic:
    """Slow stochastic: %K and %D."""

    def __new__(cls, period: int = 14, slow_k: int = 3, slow_d: int = 3) -> Self: ...
    def update(self, high: float, low: float, close: float) -> tuple[float, float]: ...
    @property
    def value(self) -> tuple[float, float]: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Keltner:
    """Upper, middle and lower: exponential average and average true ranges."""

    def __new__(cls, period: int = 20, range_period: int = 10, ranges: float = 2.0) -> Self: ...
    def update(self, high: float, low: float, close: float) -> tuple[float, float, float]: ...
    @property
    def value(self) -> tuple[float, float, float]: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class SuperTrend:
    """Trailing band and direction (1 up, -1 down)."""

    def __new__(cls, period: int = 10, ranges: float = 3.0) -> Self: ...
    def update(self, high: float, low: float, close: float) -> tuple[float, float]: ...
    @property
    def value(self) -> tuple[float, float]: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Obv:
    """On-balance volume."""

    def __new__(cls) -> Self: ...
    def update(self, close: float, volume: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Mfi:
    """Money flow index, 0 to 100."""

    def __new__(cls, period: int = 14) -> Self: ...
    def update(self, high: float, low: float, close: float, volume: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Vwap:
    """Volume-weighted average price since the last reset."""

    def __new__(cls) -> Self: ...
    def update(self, high: float, low: float, close: float, volume: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class RollingVwap:
    """Volume-weighted average price of the last `period` bars."""

    def __new__(cls, period: int = 20) -> Self: ...
    def update(self, high: float, low: float, close: float, volume: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Correlation:
    """Pearson's rolling correlation."""

    def __new__(cls, period: int = 30) -> Self: ...
    def update(self, x: float, y: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class Beta:
    """Rolling beta of the returns of y against those of x."""

    def __new__(cls, period: int = 5) -> Self: ...
    def update(self, x: float, y: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

@final
class BookImbalance:
    """(bid - ask) / (bid + ask) of displayed sizes."""

    def __new__(cls) -> Self: ...
    def update(self, bid: float, ask: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

def sma(values: _Values, period: int = 20) -> _Values: ...
def ema(values: _Values, period: int = 20) -> _Values: ...
def wma(values: _Values, period: int = 20) -> _Values: ...
def dema(values: _Values, period: int = 20) -> _Values: ...
def tema(values: _Values, period: int = 20) -> _Values: ...
def hma(values: _Values, period: int = 20) -> _Values: ...
def kama(values: _Values, period: int = 30) -> _Values: ...
def rsi(values: _Values, period: int = 14) -> _Values: ...
def macd(
    values: _Values, fast: int = 12, slow: int = 26, signal: int = 9
) -> tuple[_Values, _Values, _Values]: ...
def roc(values: _Values, period: int = 10) -> _Values: ...
def momentum(values: _Values, period: int = 10) -> _Values: ...
def bollinger(
    values: _Values, period: int = 20, deviations: float = 2.0
) -> tuple[_Values, _Values, _Values]: ...
def z_score(values: _Values, period: int = 20) -> _Values: ...
def realized_volatility(
    values: _Values, period: int = 20, periods_per_year: float = 1.0
) -> _Values: ...
def stochastic_rsi(
    values: _Values, period: int = 14, fast_k: int = 5, fast_d: int = 3
) -> tuple[_Values, _Values]: ...
def donchian(high: _Values, low: _Values, period: int = 20) -> tuple[_Values, _Values, _Values]: ...
def ichimoku(
    high: _Values, low: _Values, conversion: int = 9, base: int = 26, span: int = 52
) -> tuple[_Values, _Values, _Values, _Values]: ...
def aroon(high: _Values, low: _Values, period: int = 14) -> tuple[_Values, _Values]: ...
def parabolic_sar(
    high: _Values, low: _Values, step: float = 0.02, limit: float = 0.2
) -> _Values: ...
def atr(high: _Values, low: _Values, close: _Values, period: int = 14) -> _Values: ...
def adx(high: _Values, low: _Values, close: _Values, period: int = 14) -> _Values: ...
def dmi(
    high: _Values, low: _Values, close: _Values, period: int = 14
) -> tuple[_Values, _Values, _Values]: ...
def cci(high: _Values, low: _Values, close: _Values, period: int = 14) -> _Values: ...
def williams_r(high: _Values, low: _Values, close: _Values, period: int = 14) -> _Values: ...
def stochastic(
    high: _Values, low: _Values, close: _Values, period: int = 14, slow_k: int = 3, slow_d: int = 3
) -> tuple[_Values, _Values]: ...
def keltner(
    high: _Values,
    low: _Values,
    close: _Values,
    period: int = 20,
    range_period: int = 10,
    ranges: float = 2.0,
) -> tuple[_Values, _Values, _Values]: ...
def supertrend(
    high: _Values, low: _Values, close: _Values, period: int = 10, ranges: float = 3.0
) -> tuple[_Values, _Values]: ...
def obv(close: _Values, volume: _Values) -> _Values: ...
def mfi(
    high: _Values, low: _Values, close: _Values, volume: _Values, period: int = 14
) -> _Values: ...
def vwap(high: _Values, low: _Values, close: _Values, volume: _Values) -> _Values: ...
def rolling_vwap(
    high: _Values, low: _Values, close: _Values, volume: _Values, period: int = 20
) -> _Values: ...
def correlation(x: _Values, y: _Values, period: int = 30) -> _Values: ...
def beta(x: _Values, y: _Values, period: int = 5) -> _Values: ...
def book_imbalance(bid: _Values, ask: _Values) -> _Values: ...

@final
class Pipeline:
    """Indicators that one call updates with a bar."""

    def __new__(cls) -> Self: ...
    def add(self, name: str, *parameters: float, source: str = "close") -> int:
        """Add an indicator by its function's name; returns the index of its first output."""

    def update(self, open: float, high: float, low: float, close: float, volume: float) -> None: ...
    def run(
        self, open: _Values, high: _Values, low: _Values, close: _Values, volume: _Values
    ) -> npt.NDArray[np.float64]:
        """A row of outputs for each bar."""

    @property
    def values(self) -> list[float]: ...
    @property
    def warm_up(self) -> int: ...
    def __getitem__(self, key: int, /) -> float: ...
    def __len__(self) -> int: ...

@final
class Bus:
    """Bounded in-process dispatch from producers to many subscribers."""

    def __new__(cls) -> Self: ...
    def subscribe(
        self,
        topic: str,
        capacity: int = 1024,
        policy: Literal["drop_oldest", "block", "conflate"] = "drop_oldest",
        block_timeout: float = 1.0,
        handler: Callable[[Any], object] | None = None,
    ) -> Subscription:
        """Receive a topic, or with a trailing `*` every topic with that prefix.

        A full queue drops its oldest event, or with `block` lets the publisher wait at most
        `block_timeout` seconds (then the event counts as dropped), or with `conflate` replaces
        the waiting event of the same key. A handler takes each event at once, in the publisher's
        thread, instead of a queue; what it raises goes to `sys.unraisablehook`.
        """

    def publish(self, topic: str, payload: object, key: str | None = None) -> int:
        """Queue an event for every subscriber; returns how many took it."""

    def publish_many(self, topic: str, payloads: list[Any]) -> int:
        """Publish every item of a list with one look-up; returns the number of deliveries."""

    def publish_encoded(
        self, topic: str, value: object, encode: Callable[[Any], object], key: str | None = None
    ) -> int:
        """Publish `encode(value)`, encoded once for all, and not at all for nobody."""

    def statistics(self) -> dict[str, Any]:
        """Published events by topic, and what became of them by subscription."""

    def close(self) -> None:
        """Close every subscription; what waits can still be drained."""

@final
class Subscription:
    """The reading end of one subscriber's queue."""

    def drain(self, limit: int = 256) -> list[Any]:
        """Take at most `limit` payloads, oldest first; never waits."""

    def drain_wait(self, limit: int = 256, timeout: float = 1.0) -> list[Any]:
        """Wait for events at most `timeout` seconds, for readers in threads."""

    def batches(self, limit: int = 256) -> AsyncIterator[list[Any]]:
        """Iterate over batches from asyncio until closed and drained."""

    def set_wakeup(self, callback: Callable[[], None] | None) -> None:
        """Call this when the queue becomes non-empty, from the publishing thread."""

    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...
    @property
    def topic(self) -> str: ...
    @property
    def dropped(self) -> int: ...
    @property
    def conflated(self) -> int: ...
    @property
    def pending(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

# Backtests. Money is an exact integer in units of 1e-8 tick·lot: multiply by the tick size, the
# lot size and 1e-8 for currency. Fee rates are in 1e-8 of the notional; each fee is rounded half
# up to a multiple of `fee_step` units (0 leaves it exact). Prices are int64 ticks.
UNITS_PER_TICK_LOT: Final[int]

@final
class BacktestRun:
    """Fills as columns (row, price, signed quantity) and the account at the end."""

    @property
    def rows(self) -> npt.NDArray[np.uint64]: ...
    @property
    def prices(self) -> _Prices: ...
    @property
    def quantities(self) -> _Prices: ...
    @property
    def fills(self) -> int: ...
    @property
    def position(self) -> int: ...
    @property
    def cash(self) -> int: ...
    @property
    def fees(self) -> int: ...
    @property
    def equity(self) -> int: ...

def run_targets(
    targets: _Prices,
    buy: _Prices,
    sell: _Prices,
    mark: _Prices,
    *,
    cash: int = 0,
    taker_rate_e8: int = 0,
    fee_step: int = 0,
    slippage_ticks: int = 0,
) -> BacktestRun:
    """Hold the target position of each row, traded at that row's buy or sell price.

    To trade at the next open, pass the opens shifted by one row.
    """

def run_sma_cross(
    signal: _Prices,
    buy: _Prices,
    sell: _Prices,
    mark: _Prices,
    fast: int,
    slow: int,
    quantity: int,
    *,
    short: bool = False,
    cash: int = 0,
    taker_rate_e8: int = 0,
    fee_step: int = 0,
    slippage_ticks: int = 0,
) -> BacktestRun:
    """Hold `quantity` while the fast average is above the slow one, else nothing (or short)."""

def sweep_sma_cross(
    signal: _Prices,
    buy: _Prices,
    sell: _Prices,
    mark: _Prices,
    pairs: _Prices,
    quantity: int,
    *,
    short: bool = False,
    cash: int = 0,
    taker_rate_e8: int = 0,
    fee_step: int = 0,
    slippage_ticks: int = 0,
    threads: int | None = None,
) -> tuple[npt.NDArray[np.uint64], list[int]]:
    """Number of fills and equity of each (fast, slow) row of `pairs`, on all cores by default."""

_FillRow: TypeAlias = tuple[int, int, int, int, int, bool, int]

@final
class Simulation:
    """An account in a history, played event by event to a strategy.

    The strategy is any object; its methods `on_bar(simulation)`, `on_quote(simulation)`,
    `on_trade(simulation)` and `on_fill(simulation, fill)` are called where it has them, where a
    fill is (order id, instrument, side, price, quantity, is_maker, time). They read the current
    event from the simulation and may submit and cancel. Streams merge by time, at one time in the
    order in which they were added. A bar's time is its end.

    Bars fill along open, nearer extreme, other extreme, close; `participation_e8` bounds our part
    of a bar's volume in 1e-8. `latency` is in the unit of the times.
    """

    def __new__(
        cls,
        cash: int = 0,
        *,
        instruments: int = 1,
        timing: Literal["next_open", "this_close"] = "next_open",
        participation_e8: int | None = None,
        limited_by_quotes: bool = False,
        latency: int = 0,
        maker_rate_e8: int = 0,
        taker_rate_e8: int = 0,
        fee_step: int = 0,
        slippage_ticks: int = 0,
    ) -> Self: ...
    def add_bars(
        self,
        instrument: int,
        times: _Prices,
        open: _Prices,
        high: _Prices,
        low: _Prices,
        close: _Prices,
        volume: _Prices,
    ) -> None: ...
    def add_quotes(
        self,
        instrument: int,
        times: _Prices,
        bid: _Prices,
        ask: _Prices,
        bid_size: _Prices,
        ask_size: _Prices,
    ) -> None: ...
    def add_trades(
        self, instrument: int, times: _Prices, price: _Prices, size: _Prices, side: _Prices
    ) -> None: ...
    def run(self, strategy: object) -> int:
        """Play everything; returns the number of events."""

    def submit(
        self,
        side: int,
        quantity: int,
        order_type: int = 1,
        price: int = 0,
        *,
        instrument: int | None = None,
        stop_price: int | None = None,
        trail_offset: int | None = None,
        time_in_force: int = 0,
    ) -> int:
        """Send an order (market by default, for the current event's instrument); returns its id."""

    def buy(self, quantity: int) -> int: ...
    def sell(self, quantity: int) -> int: ...
    def cancel(self, order_id: int) -> int | None: ...
    def open_orders(self) -> list[tuple[int, int]]: ...
    def position(self, instrument: int = 0) -> int: ...
    def fills(self) -> list[_FillRow]: ...
    def fill_columns(self) -> list[_Prices]:
        """Times, prices and signed quantities of all fills so far."""

    @property
    def fill_count(self) -> int: ...
    @property
    def cash(self) -> int: ...
    @property
    def fees(self) -> int: ...
    @property
    def equity(self) -> int: ...
    @property
    def time(self) -> int: ...
    @property
    def instrument(self) -> int: ...
    @property
    def row(self) -> list[int]: ...
    @property
    def open(self) -> int: ...
    @property
    def high(self) -> int: ...
    @property
    def low(self) -> int: ...
    @property
    def close(self) -> int: ...
    @property
    def volume(self) -> int: ...
    @property
    def bid(self) -> int: ...
    @property
    def ask(self) -> int: ...
    @property
    def bid_size(self) -> int: ...
    @property
    def ask_size(self) -> int: ...
    @property
    def price(self) -> int: ...
    @property
    def size(self) -> int: ...

_BarRow: TypeAlias = tuple[int, int, int, int, int, int, int]

@final
class BarBuilder:
    """Bars from ticks, or from shorter bars.

    `size` is a span of time, a number of ticks, lots, or tick·lots for the rules time, ticks,
    volume and value. A session (time between starts, first start, length) leaves out what is
    outside of it, and no bar reaches over its end. Rows are (start, open, high, low, close,
    volume, ticks); columns are the first six of them.
    """

    def __new__(
        cls,
        rule: Literal["time", "ticks", "volume", "value"],
        size: int,
        session: tuple[int, int, int] | None = None,
    ) -> Self: ...
    def tick(self, time: int, price: int, size: int) -> list[_BarRow]:
        """Take a tick; returns the bars that it completes."""

    def ticks(self, times: _Prices, prices: _Prices, sizes: _Prices) -> list[_Prices]: ...
    def bars(
        self,
        starts: _Prices,
        open: _Prices,
        high: _Prices,
        low: _Prices,
        close: _Prices,
        volume: _Prices,
    ) -> list[_Prices]: ...
    def flush(self) -> _BarRow | None:
        """End the bar under way and return it."""

    @property
    def current(self) -> _BarRow | None: ...
    @property
    def skipped(self) -> int: ...

@final
class Scale:
    """Decimals to whole ticks and back, exactly; a float is a TypeError.

    What is not a whole number of ticks is a ValueError: TOO_PRECISE, OUT_OF_RANGE,
    NOT_A_DECIMAL; BAD_SCALE for a tick that is not above zero.
    """

    def __new__(cls, tick: Decimal | int | str) -> Self: ...
    def ticks(self, value: Decimal | int | str) -> int: ...
    def text(self, ticks: int) -> str: ...
    def decimal(self, ticks: int) -> Decimal: ...
    @property
    def precision(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
