"""The checks, one a file; each looks at a `Situation` and says what it found.

To add one: write `NAME` and `check(situation) -> CheckResult` in a file of its own, list it here
where it belongs, give it a limit in `pi5.domain.limits` if it has one, and a row in the README.
All of them always run, so a decision shows everything that stood against an order.
"""

from __future__ import annotations

from collections.abc import Callable

from pi5.domain.decision import CheckResult
from pi5.risk.checks import (
    buying_power,
    daily_loss,
    drawdown,
    exposure,
    known_symbol,
    open_orders,
    order_sanity,
    order_size,
    portfolio_fresh,
    position_notional,
    position_share,
    price_age,
    price_collar,
    short_selling,
    symbol_list,
    trading_mode,
)
from pi5.risk.situation import Situation

Check = Callable[[Situation], CheckResult]
# In this order; the first that refuses gives the decision its code.
CHECKS: tuple[Check, ...] = (
    trading_mode.check,
    known_symbol.check,
    symbol_list.check,
    short_selling.check,
    order_sanity.check,
    price_age.check,
    portfolio_fresh.check,
    daily_loss.check,
    drawdown.check,
    order_size.check,
    price_collar.check,
    open_orders.check,
    position_share.check,
    position_notional.check,
    exposure.check,
    buying_power.check,
)
