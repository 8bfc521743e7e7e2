"""What a broker is, promises and reports: the nouns between execution and the outside.

A broker never speaks of our order ids: it knows an order by the client order id alone, and an
execution by the venue's own id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum

from pi5.domain.money import ZERO
from pi5.domain.order import OrderStatus, Side


class Deduplication(IntEnum):
    """How a broker treats a client order id that it has seen before."""

    FOREVER = 1
    LIMITED_TIME = 2
    OPEN_ORDERS = 3
    NONE = 4


@dataclass(frozen=True, slots=True)
class BrokerPromises:
    """What a broker promises.

    `max_in_flight_ms` is the longest time a request can be under way: only after it does "not
    found" mean that an order never arrived.
    """

    name: str
    live: bool
    deduplication: Deduplication
    lookup_by_client_id: bool
    max_in_flight_ms: int
    venues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order as the broker sees it; `filled_qty` is cumulative."""

    client_order_id: str
    symbol: str
    side: Side
    status: OrderStatus
    qty: Decimal
    filled_qty: Decimal = ZERO
    broker_order_id: str = ""
    reject_code: str = ""
    reject_reason: str = ""


@dataclass(frozen=True, slots=True)
class BrokerExecution:
    """One execution; `qty` is what this one added, `execution_id` is unique in the account."""

    execution_id: str
    client_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    currency: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class BrokerReport:
    """Something that happened to an order at the broker: the order after it, and the execution."""

    order: BrokerOrder
    execution: BrokerExecution | None = None


@dataclass(frozen=True, slots=True)
class BrokerLookUp:
    """Answer to a look-up by client order id; `order` is None when the broker does not know it."""

    order: BrokerOrder | None
    executions: tuple[BrokerExecution, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokerAccount:
    """Cash by currency and quantity held by symbol, negative when short."""

    cash: Mapping[str, Decimal] = field(default_factory=dict)
    positions: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A difference between our records and a broker's; the broker's stand."""

    id: str
    broker: str
    code: str
    ours: str
    theirs: str
    found_at_ns: int
    order_id: str = ""
    symbol: str = ""
    resolution: str = ""
