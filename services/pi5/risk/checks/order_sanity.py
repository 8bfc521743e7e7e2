"""The terms must make sense: positive, on the grid of lots and ticks, with the prices it needs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from pi5.domain.decision import CheckResult
from pi5.domain.instrument import Instrument
from pi5.domain.money import is_multiple, wire
from pi5.domain.order import OrderType, TimeInForce
from pi5.risk.situation import Situation, passed, refused

NAME = "order_sanity"
_NEEDS_LIMIT = {OrderType.LIMIT, OrderType.STOP_LIMIT}
_NEEDS_STOP = {OrderType.STOP, OrderType.STOP_LIMIT}
Finding = tuple[str, str, str, str]  # code, limit, observed, message


def check(situation: Situation) -> CheckResult:
    """Hold the terms against the instrument's grid and their own type."""
    for code, limit, observed, message in _findings(situation):
        return refused(NAME, code, limit, observed, message)
    return passed(NAME, "sound terms", wire(situation.qty), "the terms are sound")


def _findings(situation: Situation) -> Iterator[Finding]:
    terms, instrument, qty = situation.terms, situation.instrument, situation.qty
    if situation.used_before:
        yield (
            "DUPLICATE_CLIENT_ORDER_ID", "unique", terms.client_order_id,
            f"an order {terms.client_order_id} is working already",
        )  # fmt: skip
    if qty <= 0 and not situation.from_signal:  # of a signal without a size, sizing says why
        yield "QTY_NOT_POSITIVE", "> 0", wire(qty), "the quantity must be greater than zero"
    if instrument is not None:
        yield from _grid(situation, instrument, qty)
    yield from _prices(situation)
    if terms.time_in_force is TimeInForce.GTD and terms.expires_at_ns <= situation.now_ns:
        yield "EXPIRED", "in the future", "past", "expires_at must lie in the future"
    if terms.reduce_only and not situation.exit:
        yield (
            "REDUCE_ONLY", "exit", "opens", "the order is reduce_only but would open a position"
        )  # fmt: skip


def _grid(situation: Situation, instrument: Instrument, qty: Decimal) -> Iterator[Finding]:
    if not is_multiple(qty, instrument.lot_size):
        lot = wire(instrument.lot_size)
        yield "QTY_OFF_LOT", lot, wire(qty), f"the quantity must be a multiple of {lot}"
    for name in ("limit_price", "stop_price"):
        price = getattr(situation.terms, name)
        if price is not None and not is_multiple(price, instrument.tick_size):
            tick = wire(instrument.tick_size)
            yield "PRICE_OFF_TICK", tick, wire(price), f"{name} must be a multiple of {tick}"
    least = instrument.min_notional
    if least is not None and situation.price is not None and qty > 0 and not situation.exit:
        value = qty * situation.price
        if value < least:
            yield (
                "NOTIONAL_TOO_SMALL", wire(least), wire(round(value, 2)),
                f"the venue takes no orders below {wire(least)}",
            )  # fmt: skip


def _prices(situation: Situation) -> Iterator[Finding]:
    terms = situation.terms
    if terms.type is OrderType.TRAILING_STOP:
        yield (
            "ORDER_TYPE_NOT_SUPPORTED", "market, limit, stop or stop_limit", "trailing_stop",
            "trailing stops come with a later release",
        )  # fmt: skip
    for name, wanted in (("limit_price", _NEEDS_LIMIT), ("stop_price", _NEEDS_STOP)):
        price = getattr(terms, name)
        kind = terms.type.name.lower()
        if price is None and terms.type in wanted:
            yield "PRICE_MISSING", name, "none", f"a {kind} order needs {name}"
        if price is not None and terms.type not in wanted:
            yield "PRICE_NOT_ALLOWED", "none", wire(price), f"a {kind} order takes no {name}"
        if price is not None and price <= 0:
            yield "PRICE_NOT_POSITIVE", "> 0", wire(price), f"{name} must be greater than zero"
