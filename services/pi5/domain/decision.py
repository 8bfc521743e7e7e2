"""A risk decision as data: every check, its limit, the figure, the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

from pi5.domain.order import OrderTerms, Side


class Verdict(IntEnum):
    """What one check found."""

    PASS = 1
    REJECT = 2
    NOT_APPLICABLE = 3


class TradingMode(IntEnum):
    """Whether the system may trade."""

    ACTIVE = 1
    REDUCING = 2
    HALTED = 3


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check; `limit` and `observed` are texts with their unit."""

    check: str
    verdict: Verdict
    code: str = ""
    limit: str = ""
    observed: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on one signal or order."""

    id: str
    approved: bool
    account: str
    strategy_id: str
    symbol: str
    side: Side
    decided_at_ns: int
    checks: tuple[CheckResult, ...]
    approved_order: OrderTerms | None = None
    reject_code: str = ""
    reject_reason: str = ""
    sizing: str = ""
    reserved: Decimal = Decimal(0)
    currency: str = "USD"
    mark_price: Decimal | None = None
    equity: Decimal | None = None
    signal_id: str = ""
    client_order_id: str = ""
    valid_until_ns: int = 0
    duration_us: int = 0
