"""Everything a check may look at, gathered once for one order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pi5.domain.decision import CheckResult, TradingMode, Verdict
from pi5.domain.instrument import Instrument
from pi5.domain.limits import Limits
from pi5.domain.mark import Mark
from pi5.domain.money import wire
from pi5.domain.order import OrderTerms
from pi5.domain.portfolio import PortfolioView
from pi5.risk.exposure import Claim, Exposure, Key
from pi5.risk.scopes import Resolved

EXITS_PASS = "the order only makes the position smaller"  # noqa: S105 - a sentence
NO_LIMIT = "no such limit is set"


@dataclass(frozen=True, slots=True)
class RiskRules:
    """Settings of risk that are no limits; times in milliseconds."""

    currency: str = "USD"
    max_portfolio_lag_ms: int = 10_000
    approval_valid_ms: int = 2_000
    day_starts_at_utc_hour: int = 0


@dataclass(frozen=True, slots=True)
class Situation:
    """One order and the world it is judged in.

    `qty` is 0 when sizing or the terms gave none. `price` is the worst price the order is valued
    at, None without a mark. `exit` is true when it only makes the strategy's position smaller.
    """

    terms: OrderTerms
    qty: Decimal
    price: Decimal | None
    exit: bool
    now_ns: int
    mode: TradingMode
    rules: RiskRules
    resolved: Resolved
    instrument: Instrument | None
    mark: Mark | None
    view: PortfolioView | None
    exposure: Exposure
    day_start_equity: Decimal | None
    behind_since_ns: int
    used_before: bool
    from_signal: bool

    @property
    def limits(self) -> Limits:
        """The limits that hold for it."""
        return self.resolved.limits

    @property
    def key(self) -> Key:
        """Strategy and symbol."""
        return self.terms.strategy_id, self.terms.symbol

    @property
    def claim(self) -> Claim:
        """What the strategy holds and has reserved in the symbol."""
        return self.exposure.claim(*self.key)

    def worst_value(self, limit_name: str, symbol: str = "") -> Decimal:
        """Return the worst value that a limit is held against, with this order."""
        scope = self.resolved.scope(limit_name)
        if symbol:
            scope = type(scope)(scope.account, scope.strategy_id, symbol)
        return self.exposure.worst_value(scope, self.key, self.terms.side, self.qty, self.price)


def money(amount: Decimal, currency: str) -> str:
    """Write an amount to the cent.

    >>> money(Decimal("12.345"), "USD")
    '12.34 USD'
    """
    return f"{amount:.2f} {currency}"


def percent(share: Decimal) -> str:
    """Write a share as percent with four decimals at most.

    >>> percent(Decimal("0.15"))
    '15 %'
    """
    return f"{wire(round(share * 100, 4))} %"


def passed(check: str, limit: str, observed: str, message: str) -> CheckResult:
    """Return that a check passed."""
    return CheckResult(check, Verdict.PASS, "", limit, observed, message)


def refused(check: str, code: str, limit: str, observed: str, message: str) -> CheckResult:
    """Return that a check refuses."""
    return CheckResult(check, Verdict.REJECT, code, limit, observed, message)


def not_applicable(check: str, message: str) -> CheckResult:
    """Return that a check does not apply, and why."""
    return CheckResult(check, Verdict.NOT_APPLICABLE, message=message)
