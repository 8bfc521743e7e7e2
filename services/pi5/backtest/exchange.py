"""Fills from bars: the venue of a backtest. Pure; speaks the broker's reports, like a live one.

An order that was placed meets the first bar that ends after it arrived. A market order fills at the
bar's open, made worse by the slippage. A limit order fills at the open when the bar opens at or
beyond its limit, else at its limit when the bar trades through it (touching is not enough: others
were there first). No bar gives more than the given share of its volume.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

from pi5.backtest.spec import Costs
from pi5.domain.broker import BrokerExecution, BrokerOrder, BrokerReport
from pi5.domain.instrument import Instrument
from pi5.domain.market import Bar
from pi5.domain.money import EXACT, ZERO, round_cents, round_down
from pi5.domain.order import OrderStatus, OrderTerms, OrderType, Side, TimeInForce
from pi5.domain.portfolio import trading_day

_AT_ONCE = {TimeInForce.IOC, TimeInForce.FOK}


@dataclass(slots=True)
class _Resting:
    terms: OrderTerms
    broker_order_id: str
    arrives_ns: int
    open_qty: Decimal
    first_ns: int = 0


class BarExchange:
    """Open orders of all symbols, matched against bars.

    Args:
        costs: fees, slippage, latency, volume share.
        instruments: grid and currency of each symbol.
    """

    def __init__(self, costs: Costs, instruments: dict[str, Instrument]) -> None:
        self._costs = costs
        self._instruments = instruments
        self._resting: dict[str, list[_Resting]] = {}
        self._orders = 0
        self._executions = 0

    def place(self, terms: OrderTerms, now_ns: int) -> BrokerReport:
        """Take an order and acknowledge it, or refuse a kind that bars cannot fill."""
        assert terms.qty is not None, "an order has a quantity"
        self._orders += 1
        resting = _Resting(
            terms, f"B{self._orders}", now_ns + self._costs.latency_ms * 1_000_000, terms.qty
        )
        if terms.type not in {OrderType.MARKET, OrderType.LIMIT}:
            report = _report(resting, OrderStatus.REJECTED)
            return replace(
                report,
                order=replace(
                    report.order,
                    reject_code="TYPE_NOT_SUPPORTED",
                    reject_reason=f"bars fill no {terms.type.name.lower()} orders",
                ),
            )
        self._resting.setdefault(terms.symbol, []).append(resting)
        return _report(resting, OrderStatus.ACCEPTED)

    def cancel(self, client_order_id: str) -> BrokerReport | None:
        """Take an order out of the book; None when it is not there."""
        for orders in self._resting.values():
            for resting in orders:
                if resting.terms.client_order_id == client_order_id:
                    orders.remove(resting)
                    return _report(resting, OrderStatus.CANCELED)
        return None

    def on_bar(self, bar: Bar) -> list[BrokerReport]:
        """Match what waits against a bar, oldest order first."""
        orders = self._resting.get(bar.symbol)
        if not orders:
            return []
        reports: list[BrokerReport] = []
        still_open = []
        left = self._available(bar)
        for resting in orders:
            if resting.arrives_ns >= bar.end_ns:
                still_open.append(resting)
                continue
            if _is_over(resting, bar):
                reports.append(_report(resting, OrderStatus.EXPIRED))
                continue
            resting.first_ns = resting.first_ns or bar.time_ns
            left = self._match(resting, bar, left, reports)
            if resting.open_qty and resting.terms.time_in_force in _AT_ONCE:
                reports.append(_report(resting, OrderStatus.CANCELED))
            elif resting.open_qty:
                still_open.append(resting)
        self._resting[bar.symbol] = still_open
        return reports

    def _available(self, bar: Bar) -> Decimal | None:
        share = self._costs.max_volume_share
        if share is None:
            return None
        with localcontext(EXACT):
            return round_down(bar.volume * share, self._instruments[bar.symbol].lot_size)

    def _match(
        self, resting: _Resting, bar: Bar, left: Decimal | None, reports: list[BrokerReport]
    ) -> Decimal | None:
        """Fill what can be filled; return what the bar has left."""
        price = self._price(resting.terms, bar)
        if price is None:
            return left
        qty = resting.open_qty if left is None else min(resting.open_qty, left)
        if qty <= 0 or (resting.terms.time_in_force is TimeInForce.FOK and qty < resting.open_qty):
            return left
        resting.open_qty -= qty
        reports.append(self._executed(resting, qty, price, bar))
        return None if left is None else left - qty

    def _price(self, terms: OrderTerms, bar: Bar) -> Decimal | None:
        """Return the price an order gets from a bar; None when it gets none."""
        if terms.type is OrderType.MARKET:
            return self._slipped(terms.side, bar)
        limit = terms.limit_price
        assert limit is not None, "a limit order has a limit"
        if terms.side is Side.BUY:
            if bar.open <= limit:
                return bar.open
            return limit if bar.low < limit else None
        if bar.open >= limit:
            return bar.open
        return limit if bar.high > limit else None

    def _slipped(self, side: Side, bar: Bar) -> Decimal:
        """Return the open moved against the order, on the price grid, rounded against it too."""
        rate = self._costs.slippage_rate
        if not rate:
            return bar.open
        tick = self._instruments[bar.symbol].tick_size
        rounding = ROUND_CEILING if side is Side.BUY else ROUND_FLOOR
        with localcontext(EXACT):
            moved = bar.open * (1 + rate * side.sign)
            return max((moved / tick).to_integral_value(rounding=rounding) * tick, tick)

    def _executed(self, resting: _Resting, qty: Decimal, price: Decimal, bar: Bar) -> BrokerReport:
        terms = resting.terms
        self._executions += 1
        with localcontext(EXACT):
            fee = max(round_cents(qty * price * self._costs.fee_rate), self._costs.min_fee)
        execution = BrokerExecution(
            execution_id=f"X{self._executions}",
            client_order_id=terms.client_order_id,
            symbol=terms.symbol,
            side=terms.side,
            qty=qty,
            price=price,
            fee=fee,
            currency=self._instruments[terms.symbol].currency,
            time_ns=max(bar.time_ns, resting.arrives_ns),
        )
        status = OrderStatus.PARTIALLY_FILLED if resting.open_qty else OrderStatus.FILLED
        return _report(resting, status, execution)


def _is_over(resting: _Resting, bar: Bar) -> bool:
    """Tell whether an order's time had run out when a bar began."""
    if resting.terms.time_in_force is TimeInForce.GTD:
        return bar.time_ns >= resting.terms.expires_at_ns
    if resting.terms.time_in_force is not TimeInForce.DAY or not resting.first_ns:
        return False
    return trading_day(bar.time_ns) > trading_day(resting.first_ns)


def _report(
    resting: _Resting, status: OrderStatus, execution: BrokerExecution | None = None
) -> BrokerReport:
    terms = resting.terms
    qty = terms.qty or ZERO
    order = BrokerOrder(
        client_order_id=terms.client_order_id,
        symbol=terms.symbol,
        side=terms.side,
        status=status,
        qty=qty,
        filled_qty=qty - resting.open_qty,
        broker_order_id=resting.broker_order_id,
    )
    return BrokerReport(order, execution)
