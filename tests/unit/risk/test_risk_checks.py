"""Every check at its limit: one step inside, on it, one step beyond."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from pi5.domain.decision import TradingMode, Verdict
from pi5.domain.limits import Limits, LimitScope
from pi5.domain.order import OrderType, Side, TimeInForce
from pi5.risk.checks import CHECKS
from pi5.risk.engine import RiskEngine

from tests.unit.risk.worlds import MS, NOW, engine, instrument, order, view

BUY, SELL = Side.BUY, Side.SELL
WIDE = Limits(max_position_share=Decimal(5), max_exposure_share=Decimal(5))


def code(made: RiskEngine, terms, now_ns: int = NOW) -> str:
    return made.evaluate_order(terms, now_ns, "d").reject_code


@pytest.mark.parametrize(("qty", "expected"), [(149, ""), (150, ""), (151, "POSITION_LIMIT")])
def test_position_share_at_its_limit(qty: int, expected: str) -> None:
    """15 % of 100,000 at 100 are 150 units: 149 and 150 pass, 151 does not."""
    assert code(engine(), order(qty)) == expected


@pytest.mark.parametrize(("qty", "expected"), [(899, ""), (900, ""), (901, "EXPOSURE_LIMIT")])
def test_exposure_at_its_limit(qty: int, expected: str) -> None:
    """90 % of 100,000 at 100 are 900 units."""
    assert code(engine(limits=Limits(max_position_share=Decimal(1))), order(qty)) == expected


@pytest.mark.parametrize(
    ("price", "expected"),
    [("149.99", ""), ("150.00", ""), ("150.01", "POSITION_LIMIT")],
)
def test_position_share_one_tick_around_its_limit(price: str, expected: str) -> None:
    """A limit buy above the market counts at its own price, to the tick."""
    terms = order(100, type=OrderType.LIMIT, limit_price=Decimal(price))
    assert code(engine(), terms) == expected


@pytest.mark.parametrize(
    ("equity", "expected"),
    [("97000.01", ""), ("97000.00", "DAILY_LOSS_LIMIT"), ("96999.99", "DAILY_LOSS_LIMIT")],
)
def test_daily_loss_at_its_limit(equity: str, expected: str) -> None:
    """A loss of 3 % of the equity the day began with blocks; a cent less does not."""
    assert code(engine(equity=Decimal(equity)), order(1)) == expected


@pytest.mark.parametrize(
    ("cash", "expected"),
    [("100.01", ""), ("100.00", ""), ("99.99", "INSUFFICIENT_BUYING_POWER")],
)
def test_buying_power_at_its_limit(cash: str, expected: str) -> None:
    """A buy of 100 needs 100 of free cash, to the cent."""
    assert code(engine(cash=Decimal(cash)), order(1)) == expected


@pytest.mark.parametrize(("age_ms", "expected"), [(10_000, ""), (10_001, "STALE_PRICE")])
def test_price_age_at_its_limit(age_ms: int, expected: str) -> None:
    """A price may be ten seconds old, not a millisecond more."""
    made = engine()
    made.on_portfolio(view(time_ns=NOW + age_ms * MS))
    assert code(made, order(1), NOW + age_ms * MS) == expected


@pytest.mark.parametrize(("age_ms", "expected"), [(10_000, ""), (10_001, "STALE_PORTFOLIO")])
def test_portfolio_age_at_its_limit(age_ms: int, expected: str) -> None:
    """A portfolio that is silent for longer than allowed blocks."""
    made = engine()
    made.on_mark("ACME", Decimal(100), NOW + age_ms * MS)
    assert code(made, order(1), NOW + age_ms * MS) == expected


@pytest.mark.parametrize(
    ("limits", "terms", "expected"),
    [
        (Limits(max_order_qty=Decimal(10)), order(10), ""),
        (Limits(max_order_qty=Decimal(10)), order(11), "ORDER_QTY_LIMIT"),
        (Limits(max_order_notional=Decimal(1000)), order(10), ""),
        (Limits(max_order_notional=Decimal("999.99")), order(10), "ORDER_NOTIONAL_LIMIT"),
        (Limits(max_position_notional=Decimal(1000)), order(10), ""),
        (Limits(max_position_notional=Decimal("999.99")), order(10), "POSITION_NOTIONAL_LIMIT"),
        (Limits(symbol_blacklist=("ACME",)), order(1), "SYMBOL_BLACKLISTED"),
        (Limits(symbol_whitelist=("GLOBEX",)), order(1), "SYMBOL_NOT_WHITELISTED"),
        (Limits(symbol_whitelist=("ACME",)), order(1), ""),
        (Limits(max_open_orders=1), order(1), ""),
        (Limits(max_drawdown_share=Decimal("0.1")), order(1), ""),
    ],
)
def test_further_limits(limits: Limits, terms, expected: str) -> None:
    """Limits that are off by default hold when they are set."""
    assert code(engine(limits=limits), terms) == expected


def test_drawdown_blocks_at_its_limit() -> None:
    """A fall of a tenth from the highest equity blocks when that is the limit."""
    limits = Limits(max_drawdown_share=Decimal("0.1"), max_daily_loss_share=Decimal(1))
    fallen = engine(limits=limits, equity=Decimal(90_000))
    assert code(fallen, order(1)) == "DRAWDOWN_LIMIT"
    assert code(engine(limits=limits, equity=Decimal("90000.01")), order(1)) == ""


def test_open_orders_count_reservations() -> None:
    """With one working order and a limit of one, a second is refused."""
    made = engine(limits=Limits(max_open_orders=1))
    assert code(made, order(1, name="a")) == ""
    assert code(made, order(1, name="b")) == "OPEN_ORDERS_LIMIT"


@pytest.mark.parametrize(
    ("price", "expected"), [("110.00", ""), ("110.01", "PRICE_COLLAR"), ("89.99", "PRICE_COLLAR")]
)
def test_price_collar_at_its_limit(price: str, expected: str) -> None:
    """With a collar of 10 %, a price one tick further from the market is refused."""
    made = engine(limits=Limits(price_collar_share=Decimal("0.1")))
    assert code(made, order(1, type=OrderType.LIMIT, limit_price=Decimal(price))) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"qty": Decimal(0)}, "QTY_NOT_POSITIVE"),
        ({"qty": Decimal(-1)}, "QTY_NOT_POSITIVE"),
        ({"qty": Decimal("0.5")}, "QTY_OFF_LOT"),
        ({"type": OrderType.LIMIT}, "PRICE_MISSING"),
        ({"type": OrderType.STOP_LIMIT, "limit_price": Decimal(99)}, "PRICE_MISSING"),
        ({"limit_price": Decimal(99)}, "PRICE_NOT_ALLOWED"),
        ({"type": OrderType.LIMIT, "limit_price": Decimal("99.005")}, "PRICE_OFF_TICK"),
        ({"type": OrderType.LIMIT, "limit_price": Decimal(0)}, "PRICE_NOT_POSITIVE"),
        ({"type": OrderType.TRAILING_STOP}, "ORDER_TYPE_NOT_SUPPORTED"),
        ({"time_in_force": TimeInForce.GTD, "expires_at_ns": NOW}, "EXPIRED"),
        ({"reduce_only": True}, "REDUCE_ONLY"),
    ],
)
def test_terms_that_make_no_sense_are_refused(changes, expected: str) -> None:
    """Quantities and prices off the grid, missing or needless prices, and dead times."""
    assert code(engine(), replace(order(1), **changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tradable": False}, "NOT_TRADABLE"),
        ({"currency": "EUR"}, "CURRENCY_NOT_SUPPORTED"),
        ({"min_notional": Decimal("100.01")}, "NOTIONAL_TOO_SMALL"),
        ({"min_notional": Decimal(100)}, ""),
    ],
)
def test_instruments_set_rules_too(changes, expected: str) -> None:
    """What may not be traded, other currencies and orders below the venue's least are refused."""
    made = engine()
    made.on_instrument(instrument(**changes))
    assert code(made, order(1)) == expected


def test_nothing_known_means_nothing_approved() -> None:
    """Without instrument, price or portfolio the refusal names what is missing."""
    assert code(RiskEngine(), order(1)) == "UNKNOWN_SYMBOL"
    known = RiskEngine(instruments={"ACME": instrument()})
    assert code(known, order(1)) == "NO_PRICE"
    known.on_mark("ACME", Decimal(100), NOW)
    assert code(known, order(1)) == "NO_PORTFOLIO"
    known.on_portfolio(view())
    assert code(known, order(1)) == ""
    assert code(known, order(1, account="other")) == "NO_PORTFOLIO"


def test_all_checks_are_stored_with_limit_and_figure() -> None:
    """A refusal lists every check, also those after the one that refused."""
    decision = engine().evaluate_order(order(5_000), NOW, "d")
    assert len(decision.checks) == len(CHECKS)
    against = {check.code for check in decision.checks if check.verdict is Verdict.REJECT}
    assert against == {"POSITION_LIMIT", "EXPOSURE_LIMIT", "INSUFFICIENT_BUYING_POWER"}
    position = next(check for check in decision.checks if check.check == "position_share")
    assert position.limit == "15 % of equity = 15000.00 USD"
    assert position.observed == "500000.00 USD"
    assert all(check.message for check in decision.checks)


@pytest.mark.parametrize("blocked", ["loss", "stale price", "old portfolio", "position", "list"])
def test_exits_pass_while_entries_are_blocked(blocked: str) -> None:
    """Whatever blocks opening lets an order through that only makes the position smaller."""
    held = {("trend", "ACME"): Decimal(500)}
    limits = Limits(symbol_blacklist=("ACME",)) if blocked == "list" else Limits()
    equity = Decimal(90_000 if blocked == "loss" else 100_000)
    made = engine(positions=held, equity=equity, limits=limits)
    now = NOW
    if blocked in {"stale price", "old portfolio"}:
        now += 60_000 * MS
        if blocked == "old portfolio":
            made.on_mark("ACME", Decimal(100), now)
        else:
            made.on_portfolio(view(time_ns=now, positions=held))
    assert code(made, order(1), now) != ""
    exit_order = made.evaluate_order(order(500, SELL, "exit"), now, "d")
    assert exit_order.approved, exit_order.reject_reason
    verdicts = {check.check: check.verdict for check in exit_order.checks}
    for name in ("position_share", "exposure", "daily_loss", "price_age", "portfolio_fresh"):
        assert verdicts[name] is Verdict.NOT_APPLICABLE


def test_halt_blocks_everything_and_reducing_lets_exits_through() -> None:
    """Halted: no order at all. Reducing: exits only. Active again: both."""
    made = engine(positions={("trend", "ACME"): Decimal(10)})
    made.set_mode(TradingMode.HALTED, "test", "me", NOW)
    assert code(made, order(1, name="a")) == "HALTED"
    assert code(made, order(1, SELL, "b")) == "HALTED"
    made.set_mode(TradingMode.REDUCING, "test", "me", NOW)
    assert code(made, order(1, name="c")) == "REDUCING"
    assert code(made, order(1, SELL, "d")) == ""
    made.set_mode(TradingMode.ACTIVE, "test", "me", NOW)
    assert code(made, order(1, name="e")) == ""


def test_selling_more_than_held_is_short_selling() -> None:
    """Without permission a sell is bounded by what the strategy itself holds and does not sell."""
    made = engine(positions={("trend", "ACME"): Decimal(10)})
    assert code(made, order(11, SELL, "a")) == "SHORT_NOT_ALLOWED"
    assert code(made, order(10, SELL, "b", strategy_id="manual")) == "NOTHING_TO_SELL"
    assert code(made, order(7, SELL, "c")) == ""
    assert code(made, order(4, SELL, "d")) == "SHORT_NOT_ALLOWED"
    assert code(made, order(3, SELL, "e")) == ""
    short = engine(limits=Limits(allow_short=True))
    assert code(short, order(150, SELL, "f")) == ""
    assert code(short, order(1, SELL, "g")) == "POSITION_LIMIT"


def test_a_held_symbol_without_a_price_blocks_opening() -> None:
    """Exposure that cannot be valued is not assumed to be nothing."""
    made = engine(positions={("trend", "GLOBEX"): Decimal(1)})
    assert code(made, order(1)) == "EXPOSURE_UNKNOWN"


def test_narrower_limits_win_and_measure_their_own_scope() -> None:
    """A strategy's exposure limit counts that strategy's positions, a symbol's beats it."""
    made = engine(positions={("other", "ACME"): Decimal(100)})
    made.set_limits(LimitScope(strategy_id="trend"), Limits(max_exposure_share=Decimal("0.02")))
    assert code(made, order(20, name="a")) == ""
    assert code(made, order(1, name="b")) == "EXPOSURE_LIMIT"
    assert code(made, order(1, name="c", strategy_id="other")) == ""
    made.set_limits(LimitScope(symbol="ACME"), Limits(max_position_share=Decimal("0.01")))
    assert code(made, order(1, name="d", strategy_id="other")) == "POSITION_LIMIT"
    resolved = made.limits.resolve("main", "trend", "ACME")
    assert resolved.limits.max_exposure_share == Decimal("0.02")
    assert resolved.limits.max_daily_loss_share == Decimal("0.03")
