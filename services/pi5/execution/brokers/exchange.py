"""The simulated exchange: the native matching engine fed with the market's own quotes.

Pure and deterministic: `brokers/simulated.py` runs it live with durable books, and a backtest runs
it under a simulated clock. A quote is shown in the book as two orders of a market maker, so fills
take the size that is really there, once, until the next quote. For an instrument without quotes a
completed bar stands in: its close one tick to each side, with its volume.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Any

import pi5_core

from pi5.domain.broker import BrokerExecution, BrokerOrder, BrokerReport
from pi5.domain.instrument import Instrument
from pi5.domain.market import Bar, Quote
from pi5.domain.money import EXACT, ZERO, from_ticks, round_cents, to_ticks
from pi5.domain.order import OrderStatus, OrderTerms, OrderType, Side, TimeInForce

_S = OrderStatus
_MARKET_MAKER, _OURS = 1, 2
_DAY_NS = 86_400_000_000_000
_UNBOUNDED_LOTS = 10**12
_TIME_IN_FORCE = {
    TimeInForce.DAY: pi5_core.GTC,
    TimeInForce.GTC: pi5_core.GTC,
    TimeInForce.GTD: pi5_core.GTC,
    TimeInForce.IOC: pi5_core.IOC,
    TimeInForce.FOK: pi5_core.FOK,
}
_SIDE = {Side.BUY: pi5_core.BUY, Side.SELL: pi5_core.SELL}


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order in the exchange's books; `number` is its place in the order of arrival."""

    number: int
    terms: OrderTerms
    qty: Decimal
    status: OrderStatus
    expires_at_ns: int
    filled_qty: Decimal = ZERO
    executions: int = 0
    reject_code: str = ""

    def seen(self) -> BrokerOrder:
        """Return the order as the exchange shows it."""
        return BrokerOrder(
            client_order_id=self.terms.client_order_id,
            symbol=self.terms.symbol,
            side=self.terms.side,
            status=self.status,
            qty=self.qty,
            filled_qty=self.filled_qty,
            broker_order_id=f"sim-{self.number}",
            reject_code=self.reject_code,
            reject_reason=_REASONS.get(self.reject_code, ""),
        )


_REASONS = {
    "NO_MARKET": "there is no price for this instrument now",
    "NO_LIQUIDITY": "there was not enough on the other side",
    "FILL_OR_KILL": "it could not be filled wholly at once",
    "IMMEDIATE_OR_CANCEL": "the rest could not be filled at once",
    "POST_ONLY_WOULD_CROSS": "it would have traded at once",
    "UNKNOWN_SYMBOL": "the exchange does not know this instrument",
    "EXPIRED": "its time ran out",
}


@dataclass(slots=True)
class _Market:
    """One instrument: its book, and the market maker's orders in it."""

    instrument: Instrument
    book: Any
    quoted: bool = False
    has_price: bool = False
    maker_ids: tuple[int, ...] = ()


class SimulatedExchange:
    """Orders of one owner against the market's quotes.

    Args:
        fee_rate: fee as a share of the value of a fill.
        min_fee: least fee of a fill.
        first_number: number of the next order; above all that were ever given.
    """

    def __init__(self, fee_rate: Decimal, min_fee: Decimal = ZERO, first_number: int = 1) -> None:
        self._fee_rate = fee_rate
        self._min_fee = min_fee
        self._next_number = first_number
        self._next_native = 1
        self._markets: dict[str, _Market] = {}
        self._orders: dict[str, VenueOrder] = {}
        self._native: dict[int, str] = {}
        self._native_of: dict[str, int] = {}
        self._changed: dict[str, VenueOrder] = {}

    def on_instrument(self, instrument: Instrument) -> None:
        """Begin to trade an instrument; what is known already stays."""
        if instrument.symbol not in self._markets:
            self._markets[instrument.symbol] = _Market(instrument, pi5_core.MatchingEngine())

    def knows(self, symbol: str) -> bool:
        """Tell whether it trades an instrument."""
        return symbol in self._markets

    def take_changed(self) -> list[VenueOrder]:
        """Take the orders that changed since the last time, for durable books."""
        changed = list(self._changed.values())
        self._changed = {}
        return changed

    def order(self, client_order_id: str) -> VenueOrder | None:
        """Return a working order."""
        return self._orders.get(client_order_id)

    def open_orders(self) -> list[VenueOrder]:
        """Return the working orders in the order of their arrival."""
        return list(self._orders.values())

    def restore(self, orders: list[VenueOrder]) -> None:
        """Take working orders back into the books, before there are any prices."""
        for order in sorted(orders, key=lambda item: item.number):
            self._orders[order.terms.client_order_id] = order
            self._next_number = max(self._next_number, order.number + 1)
            market = self._markets.get(order.terms.symbol)
            if market is not None:
                self._submit(market, order, pi5_core.GTC)

    def place(self, terms: OrderTerms, now_ns: int) -> list[BrokerReport]:
        """Take or refuse an order; the first report is the answer, fills follow."""
        assert terms.qty is not None, "orders reach an exchange with a quantity"
        order = VenueOrder(self._next_number, terms, terms.qty, _S.ACCEPTED, _expiry(terms, now_ns))
        self._next_number += 1
        market = self._markets.get(terms.symbol)
        if market is None:
            return [self._refuse(order, "UNKNOWN_SYMBOL")]
        if terms.type is OrderType.MARKET and not market.has_price:
            return [self._refuse(order, "NO_MARKET")]
        self._orders[terms.client_order_id] = order
        result = self._submit(market, order, _TIME_IN_FORCE[terms.time_in_force])
        if result.status == pi5_core.REJECTED:
            self._forget(terms.client_order_id)
            return [self._refuse(order, result.reason or "REJECTED")]
        reports = [self._report(order)]
        reports += self._fills(market, result.fills, now_ns)
        if result.status == pi5_core.CANCELED:
            reports.append(self._end(terms.client_order_id, _S.CANCELED, result.reason or ""))
        return reports

    def cancel(self, client_order_id: str) -> list[BrokerReport]:
        """Take a working order out; empty when it is not working."""
        order = self._orders.get(client_order_id)
        if order is None:
            return []
        return [self._withdraw(order, _S.CANCELED, "")]

    def expire(self, now_ns: int) -> list[BrokerReport]:
        """End the orders whose time is over."""
        over = [o for o in self._orders.values() if o.expires_at_ns and o.expires_at_ns <= now_ns]
        return [self._withdraw(order, _S.EXPIRED, "EXPIRED") for order in over]

    def on_quote(self, quote: Quote, now_ns: int) -> list[BrokerReport]:
        """Show a quote in the book; orders that it crosses are filled at their own price."""
        market = self._markets.get(quote.symbol)
        if market is None:
            return []
        market.quoted = True
        bid, ask = quote.bid_price, quote.ask_price
        sizes = (self._lots(market, quote.bid_size), self._lots(market, quote.ask_size))
        return self._show(market, bid, sizes[0], ask, sizes[1], now_ns)

    def on_bar(self, bar: Bar, now_ns: int) -> list[BrokerReport]:
        """Let a bar stand in for a quote where the instrument has none."""
        market = self._markets.get(bar.symbol)
        if market is None or market.quoted:
            return []
        tick = market.instrument.tick_size
        lots = self._lots(market, bar.volume) or _UNBOUNDED_LOTS
        return self._show(market, bar.close - tick, lots, bar.close + tick, lots, now_ns)

    def market_lost(self) -> None:
        """Withdraw all quotes: without a feed nothing is filled."""
        for market in self._markets.values():
            self._withdraw_quote(market)
            market.has_price = False

    # ------------------------------------------------------------ inside

    def _show(
        self,
        market: _Market,
        bid: Decimal | None,
        bid_lots: int,
        ask: Decimal | None,
        ask_lots: int,
        now_ns: int,
    ) -> list[BrokerReport]:
        self._withdraw_quote(market)
        reports: list[BrokerReport] = []
        made: list[int] = []
        crossed = bid is not None and ask is not None and bid >= ask
        for side, price, lots in ((Side.BUY, bid, bid_lots), (Side.SELL, ask, ask_lots)):
            if price is None or price <= 0 or lots <= 0 or crossed:
                continue
            number = self._take_native()
            ticks = _towards_maker(price, side, market.instrument.price_scale)
            result = market.book.submit(
                number, _MARKET_MAKER, _SIDE[side], pi5_core.LIMIT, ticks, lots
            )
            made.append(number)
            reports += self._fills(market, result.fills, now_ns)
        market.maker_ids = tuple(made)
        market.has_price = bool(made)
        return reports

    def _withdraw_quote(self, market: _Market) -> None:
        for number in market.maker_ids:
            market.book.cancel(number)
        market.maker_ids = ()

    def _submit(self, market: _Market, order: VenueOrder, time_in_force: int) -> Any:
        number = self._take_native()
        terms = order.terms
        self._native[number] = terms.client_order_id
        self._native_of[terms.client_order_id] = number
        limit = terms.limit_price
        return market.book.submit(
            number,
            _OURS,
            _SIDE[terms.side],
            pi5_core.MARKET if limit is None else pi5_core.LIMIT,
            0 if limit is None else to_ticks(limit, market.instrument.price_scale),
            self._lots(market, order.qty - order.filled_qty),
            time_in_force,
            terms.post_only,
        )

    def _fills(self, market: _Market, fills: list[Any], now_ns: int) -> list[BrokerReport]:
        """Report the fills of our orders, on either side of each trade."""
        reports = []
        for fill in fills:
            for number in (fill.maker_id, fill.taker_id):
                client_order_id = self._native.get(number)
                if client_order_id is not None:
                    reports.append(
                        self._fill(market, client_order_id, fill.price, fill.quantity, now_ns)
                    )
        return reports

    def _fill(
        self, market: _Market, client_order_id: str, ticks: int, lots: int, now_ns: int
    ) -> BrokerReport:
        instrument = market.instrument
        price = from_ticks(ticks, instrument.price_scale)
        qty = from_ticks(lots, instrument.size_scale)
        before = self._orders[client_order_id]
        with localcontext(EXACT):
            filled = before.filled_qty + qty
            fee = max(self._min_fee, round_cents(price * qty * self._fee_rate))
        order = replace(
            before,
            filled_qty=filled,
            executions=before.executions + 1,
            status=_S.FILLED if filled >= before.qty else _S.PARTIALLY_FILLED,
        )
        self._orders[client_order_id] = order
        self._changed[client_order_id] = order
        if order.status is _S.FILLED:
            self._forget(client_order_id)
        execution = BrokerExecution(
            execution_id=f"sim-{order.number}-{order.executions}",
            client_order_id=client_order_id,
            symbol=instrument.symbol,
            side=order.terms.side,
            qty=qty,
            price=price,
            fee=fee,
            currency=instrument.currency,
            time_ns=now_ns,
        )
        return BrokerReport(order.seen(), execution)

    def _refuse(self, order: VenueOrder, code: str) -> BrokerReport:
        return self._report(replace(order, status=_S.REJECTED, reject_code=code))

    def _report(self, order: VenueOrder) -> BrokerReport:
        self._changed[order.terms.client_order_id] = order
        return BrokerReport(order.seen())

    def _withdraw(self, order: VenueOrder, status: OrderStatus, code: str) -> BrokerReport:
        client_order_id = order.terms.client_order_id
        number = self._native_of.get(client_order_id)
        market = self._markets.get(order.terms.symbol)
        if market is not None and number is not None:
            market.book.cancel(number)
        return self._end(client_order_id, status, code)

    def _end(self, client_order_id: str, status: OrderStatus, code: str) -> BrokerReport:
        order = replace(self._orders[client_order_id], status=status, reject_code=code)
        self._forget(client_order_id)
        return self._report(order)

    def _forget(self, client_order_id: str) -> None:
        del self._orders[client_order_id]
        number = self._native_of.pop(client_order_id, None)
        if number is not None:
            del self._native[number]

    def _take_native(self) -> int:
        number = self._next_native
        self._next_native += 1
        return number

    @staticmethod
    def _lots(market: _Market, qty: Decimal) -> int:
        """Return a quantity in units of the smallest decimal place, rounded down."""
        return int(qty.scaleb(market.instrument.size_scale))


def _towards_maker(price: Decimal, side: Side, scale: int) -> int:
    """Put a quoted price on the grid, in the market maker's favour where it lies between."""
    rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
    with localcontext(EXACT):
        return int(price.scaleb(scale).to_integral_value(rounding))


def _expiry(terms: OrderTerms, now_ns: int) -> int:
    """Return when an order ends by itself: DAY at the end of the UTC day, GTC never (0)."""
    if terms.time_in_force is TimeInForce.DAY:
        return (now_ns // _DAY_NS + 1) * _DAY_NS
    return terms.expires_at_ns
