"""The journal's rule: a position from its opening to its closing is one trade.

Pure and exact: entry and exit are kept as sums, averages are only formed for showing. A fill that
goes through zero closes one trade and opens the next; its fee is split by quantity, and the part
of the closed trade is rounded to 12 places so that both parts add up to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from pi5.domain.money import EXACT, ZERO
from pi5.domain.order import Fill, Side

_GRID = Decimal(1).scaleb(-12)


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """An open trade so far; quantities are positive. `side` is the side of its entry."""

    side: Side
    opened_at_ns: int
    entry_qty: Decimal = ZERO
    entry_notional: Decimal = ZERO
    exit_qty: Decimal = ZERO
    exit_notional: Decimal = ZERO
    largest_qty: Decimal = ZERO
    fees: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A trade that is over; `pnl` is after fees, prices are averages rounded to 12 places."""

    account: str
    strategy_id: str
    symbol: str
    side: Side
    qty: Decimal
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    fees: Decimal
    opened_at_ns: int
    closed_at_ns: int


def advance(
    open_trade: RoundTrip | None, held: Decimal, fill: Fill
) -> tuple[RoundTrip | None, ClosedTrade | None]:
    """Return the open trade after a fill, and the trade that the fill closed.

    Args:
        open_trade: the trade that is open; None while flat.
        held: signed quantity held before the fill.
        fill: the execution.
    """
    with localcontext(EXACT):
        if open_trade is None or fill.side is open_trade.side:
            begun = open_trade or RoundTrip(fill.side, fill.time_ns)
            return _enter(begun, abs(held), fill.qty, fill.price, fill.fee), None
        closing = min(fill.qty, abs(held))
        rest = fill.qty - closing
        fee = (fill.fee * closing / fill.qty).quantize(_GRID) if rest else fill.fee
        reduced = replace(
            open_trade,
            exit_qty=open_trade.exit_qty + closing,
            exit_notional=open_trade.exit_notional + closing * fill.price,
            fees=open_trade.fees + fee,
        )
        if closing < abs(held):
            return reduced, None
        opened = None
        if rest:
            begun = RoundTrip(fill.side, fill.time_ns)
            opened = _enter(begun, ZERO, rest, fill.price, fill.fee - fee)
        return opened, _close(reduced, fill)


def _enter(
    trade: RoundTrip, held: Decimal, qty: Decimal, price: Decimal, fee: Decimal
) -> RoundTrip:
    return replace(
        trade,
        entry_qty=trade.entry_qty + qty,
        entry_notional=trade.entry_notional + qty * price,
        largest_qty=max(trade.largest_qty, held + qty),
        fees=trade.fees + fee,
    )


def _close(trade: RoundTrip, fill: Fill) -> ClosedTrade:
    gross = (trade.exit_notional - trade.entry_notional) * trade.side.sign
    return ClosedTrade(
        account=fill.account,
        strategy_id=fill.strategy_id,
        symbol=fill.symbol,
        side=trade.side,
        qty=trade.largest_qty,
        entry_price=round(trade.entry_notional / trade.entry_qty, 12),
        exit_price=round(trade.exit_notional / trade.exit_qty, 12),
        pnl=gross - trade.fees,
        fees=trade.fees,
        opened_at_ns=trade.opened_at_ns,
        closed_at_ns=fill.time_ns,
    )
