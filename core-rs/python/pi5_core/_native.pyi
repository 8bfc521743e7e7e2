"""Native core of the Pi5 Trading System.

Prices are integer ticks and quantities integer lots (64-bit signed), ids and participants 64-bit
unsigned. Array arguments are contiguous one-dimensional float64; array functions release the
interpreter lock.
"""

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Final, Literal, Self, final

import numpy as np
import numpy.typing as npt

_Values = npt.NDArray[np.float64]

__all__ = [
    "BUY",
    "CANCELED",
    "FILLED",
    "FOK",
    "GTC",
    "IOC",
    "LIMIT",
    "MARKET",
    "PARTIALLY_FILLED",
    "REJECTED",
    "RESTING",
    "SELL",
    "Atr",
    "Bus",
    "Ema",
    "Fill",
    "L2Book",
    "L3Book",
    "MatchingEngine",
    "Rsi",
    "Sma",
    "SubmitResult",
    "Subscription",
    "atr",
    "ema",
    "rsi",
    "sma",
]

BUY: Final[int]
SELL: Final[int]

LIMIT: Final[int]
MARKET: Final[int]

GTC: Final[int]
IOC: Final[int]
FOK: Final[int]

RESTING: Final[int]
FILLED: Final[int]
PARTIALLY_FILLED: Final[int]
CANCELED: Final[int]
REJECTED: Final[int]

@final
class L2Book:
    """Price to quantity. Crossed and locked states are flagged, never repaired."""

    def __init__(self) -> None: ...
    def update(self, side: int, price: int, quantity: int) -> tuple[int | None, int | None]:
        """Set a level's quantity (0 deletes, negative is ignored); returns best bid and ask."""

    def snapshot(
        self, bids: list[tuple[int, int]], asks: list[tuple[int, int]], sequence: int = 0
    ) -> None:
        """Replace everything by the given (price, quantity) levels."""

    def clear(self) -> None: ...
    def best_bid(self) -> tuple[int, int] | None:
        """Best (price, quantity)."""

    def best_ask(self) -> tuple[int, int] | None: ...
    def depth(self, levels: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids and asks, best first, as (price, quantity)."""

    @property
    def is_crossed(self) -> bool: ...
    @property
    def is_locked(self) -> bool: ...
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

    def __init__(self) -> None: ...
    def add(
        self, order_id: int, side: int, price: int, quantity: int
    ) -> tuple[int | None, int | None]:
        """Put an order at the back of its level; returns best bid and ask."""

    def update(self, order_id: int, price: int, quantity: int) -> tuple[int | None, int | None]:
        """Change an order; a decrease at the same price keeps its place, 0 deletes."""

    def delete(self, order_id: int) -> tuple[int | None, int | None]: ...
    def clear(self) -> None: ...
    def best_bid(self) -> tuple[int, int, int] | None:
        """Best (price, total quantity, number of orders)."""

    def best_ask(self) -> tuple[int, int, int] | None: ...
    def depth(self, levels: int) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Bids and asks, best first, as (price, total quantity, number of orders)."""

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
    """One trade, at the maker's price. `sequence` numbers the engine's trades from 1."""

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
class SubmitResult:
    """What a submit or replace did. `reason` is a stable code when refused or canceled."""

    @property
    def status(self) -> int:
        """RESTING, FILLED, PARTIALLY_FILLED (the rest is in the book), CANCELED or REJECTED."""

    @property
    def fills(self) -> list[Fill]: ...
    @property
    def remaining(self) -> int: ...
    @property
    def reason(self) -> str | None: ...

@final
class MatchingEngine:
    """Orders of many participants, matched in price-time priority."""

    def __init__(self) -> None: ...
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
    ) -> SubmitResult: ...
    def cancel(self, order_id: int) -> int | None:
        """Cancel an order; returns what was open of it, None when it is unknown."""

    def replace(self, order_id: int, price: int, quantity: int) -> SubmitResult:
        """Change price and total quantity (what has traded counts).

        A decrease at the same price keeps its place; anything else goes to the back and may
        trade. A refused replace changes nothing.
        """

    def best_bid(self) -> tuple[int, int] | None: ...
    def best_ask(self) -> tuple[int, int] | None: ...
    def depth(self, levels: int) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Bids and asks, best first, as (price, total quantity, number of orders)."""

    def remaining(self, order_id: int) -> int | None: ...
    def __len__(self) -> int:
        """Number of resting orders."""

class _Single:
    def __init__(self, period: int) -> None: ...
    def update(self, value: float) -> float:
        """Take the next value; NaN until warm."""

    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int:
        """Number of updates until the first value."""

    def reset(self) -> None: ...

@final
class Sma(_Single):
    """Simple moving average."""

@final
class Ema(_Single):
    """Exponential moving average, weight 2 / (period + 1), seeded by a simple average."""

@final
class Rsi(_Single):
    """Wilder's relative strength index, 0 to 100."""

@final
class Atr:
    """Wilder's average true range."""

    def __init__(self, period: int) -> None: ...
    def update(self, high: float, low: float, close: float) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    @property
    def warm_up(self) -> int: ...
    def reset(self) -> None: ...

def sma(values: _Values, period: int) -> _Values: ...
def ema(values: _Values, period: int) -> _Values: ...
def rsi(values: _Values, period: int) -> _Values: ...
def atr(high: _Values, low: _Values, close: _Values, period: int) -> _Values: ...

@final
class Bus:
    """Bounded in-process dispatch from producers to many subscribers."""

    def __init__(self) -> None: ...
    def subscribe(
        self,
        topic: str,
        capacity: int = 1024,
        policy: Literal["drop_oldest", "block", "conflate"] = "drop_oldest",
        block_timeout: float = 1.0,
    ) -> Subscription:
        """Receive a topic, or with a trailing `*` every topic with that prefix.

        A full queue drops its oldest event, or with `block` lets the publisher wait at most
        `block_timeout` seconds (then the event counts as dropped), or with `conflate` replaces
        the waiting event of the same key.
        """

    def publish(self, topic: str, payload: object, key: str | None = None) -> int:
        """Queue an event for every subscriber; returns how many took it."""

    def statistics(self) -> dict[str, Any]: ...
    def close(self) -> None:
        """Close every subscription; what waits can still be drained."""

@final
class Subscription:
    """The reading end of one subscriber's queue."""

    def drain(self, limit: int = 256) -> list[Any]:
        """Take at most `limit` payloads, oldest first; never waits."""

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
