"""Orders, fills, and the only legal ways from one status to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from enum import IntEnum
from typing import Generic, TypeVar

from pi5.domain.money import EXACT, ZERO

DEFAULT_ACCOUNT = "main"
MANUAL = "manual"


class Side(IntEnum):
    """Direction; the numbers are those of the contract."""

    BUY = 1
    SELL = 2

    @property
    def sign(self) -> int:
        """+1 for buy, -1 for sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(IntEnum):
    """How an order meets the market."""

    MARKET = 1
    LIMIT = 2
    STOP = 3
    STOP_LIMIT = 4
    TRAILING_STOP = 5


class TimeInForce(IntEnum):
    """How long an order stays."""

    DAY = 1
    GTC = 2
    IOC = 3
    FOK = 4
    GTD = 5


class OrderStatus(IntEnum):
    """Where an order stands."""

    PENDING_NEW = 1
    ACCEPTED = 2
    PARTIALLY_FILLED = 3
    FILLED = 4
    PENDING_CANCEL = 5
    CANCELED = 6
    PENDING_REPLACE = 7
    REPLACED = 8
    EXPIRED = 9
    REJECTED = 10
    UNKNOWN = 11

    @property
    def final(self) -> bool:
        """True when nothing can happen to the order any more."""
        return self in FINAL


FINAL = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.REPLACED,
        OrderStatus.EXPIRED,
        OrderStatus.REJECTED,
    }
)
_S = OrderStatus
_WORKING_ENDS = {_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED}
# A venue may answer out of order, so a fill may overtake the acknowledgement, and a fill that was
# on its way may still arrive after a cancel or an expiry (CANCELED -> FILLED/PARTIALLY_FILLED is
# handled by `apply_fill`, which keeps the final status and only adds the quantity).
TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    _S.PENDING_NEW: frozenset({_S.ACCEPTED, _S.UNKNOWN, _S.PENDING_CANCEL, *_WORKING_ENDS}),
    _S.ACCEPTED: frozenset({_S.PENDING_CANCEL, _S.PENDING_REPLACE, _S.REPLACED, *_WORKING_ENDS}),
    _S.PARTIALLY_FILLED: frozenset(
        {_S.PENDING_CANCEL, _S.PENDING_REPLACE, _S.REPLACED, *_WORKING_ENDS}
    ),
    _S.PENDING_CANCEL: frozenset({_S.ACCEPTED, _S.UNKNOWN, *_WORKING_ENDS}),
    _S.PENDING_REPLACE: frozenset({_S.ACCEPTED, _S.REPLACED, _S.UNKNOWN, *_WORKING_ENDS}),
    _S.UNKNOWN: frozenset({_S.ACCEPTED, _S.PENDING_CANCEL, _S.REPLACED, *_WORKING_ENDS}),
    **{final: frozenset() for final in FINAL},
}


def may_follow(before: OrderStatus, after: OrderStatus) -> bool:
    """Tell whether `after` may follow `before`; staying is allowed only for partial fills."""
    return after in TRANSITIONS[before]


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What somebody wants traded. Prices and quantities are exact; times in ns since 1970."""

    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    qty: Decimal | None
    account: str = DEFAULT_ACCOUNT
    strategy_id: str = MANUAL
    time_in_force: TimeInForce = TimeInForce.DAY
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    expires_at_ns: int = 0
    post_only: bool = False
    reduce_only: bool = False


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RiskApproved(Generic[T]):
    """Proof that risk approved exactly this order.

    Only `pi5.execution.engine` makes one, from risk's answer, and only one of these can be sent.
    """

    order: T
    decision_id: str
    valid_until_ns: int


@dataclass(frozen=True, slots=True)
class Order:
    """An order as execution keeps it."""

    id: str
    terms: OrderTerms
    qty: Decimal
    status: OrderStatus
    broker: str
    created_at_ns: int
    updated_at_ns: int
    filled_qty: Decimal = ZERO
    filled_notional: Decimal = ZERO
    fees: Decimal = ZERO
    broker_order_id: str = ""
    signal_id: str = ""
    decision_id: str = ""
    reject_code: str = ""
    reject_reason: str = ""
    submitted_at_ns: int = 0
    filled_at_ns: int = 0
    canceled_at_ns: int = 0
    replaces: str = ""
    replaced_by: str = ""
    parent_id: str = ""

    @property
    def remaining_qty(self) -> Decimal:
        """Quantity not filled yet."""
        return self.qty - self.filled_qty

    @property
    def filled_avg_price(self) -> Decimal | None:
        """Average price of the fills, rounded to 12 places; None before the first."""
        if not self.filled_qty:
            return None
        with localcontext(EXACT):
            return round(self.filled_notional / self.filled_qty, 12)

    def with_fill(self, fill: Fill) -> Order:
        """Return the order with a fill added to its totals; the status is left to the caller."""
        with localcontext(EXACT):
            return replace(
                self,
                filled_qty=self.filled_qty + fill.qty,
                filled_notional=self.filled_notional + fill.qty * fill.price,
                fees=self.fees + fill.fee,
            )


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution; `execution_id` is the venue's and unique in the account."""

    execution_id: str
    order_id: str
    client_order_id: str
    account: str
    strategy_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    currency: str
    time_ns: int
    inferred: bool = False
    reference_price: Decimal | None = None


class OrderEventType(IntEnum):
    """What happened to an order."""

    PENDING_NEW = 1
    ACCEPTED = 2
    PARTIAL_FILL = 3
    FILL = 4
    PENDING_CANCEL = 5
    CANCELED = 6
    PENDING_REPLACE = 7
    REPLACED = 8
    EXPIRED = 9
    REJECTED = 10
    REFUSED = 11
    SIGNAL_REFUSED = 12
    UNKNOWN = 13
