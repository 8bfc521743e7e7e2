"""How a strategy has done, put together from what portfolio knows of it."""

from __future__ import annotations

from decimal import Decimal, localcontext

from pi5.api.portfolio.v1 import portfolio_pb2, portfolio_service_pb2
from pi5.api.portfolio.v1.portfolio_service_pb2_grpc import PortfolioServiceStub
from pi5.api.strategy.v1 import strategy_pb2
from pi5.domain.money import EXACT, ZERO, parse_decimal
from pi5.kit.client import Peer

_TIMEOUT_S = 5.0
_PAGE = 500
_MOST_PAGES = 200


class Performance:
    """Asks portfolio."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._stub = PortfolioServiceStub(peer.channel)

    async def of(self, strategy_id: str, filled_orders: int) -> strategy_pb2.StrategyPerformance:
        """Return the figures of a strategy."""
        answer = await self._stub.ListAttribution(
            portfolio_service_pb2.ListAttributionRequest(
                key=portfolio_service_pb2.ATTRIBUTION_KEY_STRATEGY
            ),
            metadata=self._peer.metadata(),
            timeout=_TIMEOUT_S,
        )
        rows = [row for row in answer.rows if row.name == strategy_id]
        row = rows[0] if rows else portfolio_pb2.Attribution()
        profits = await self._profits(strategy_id)
        performance = strategy_pb2.StrategyPerformance(
            strategy_id=strategy_id,
            realized_pnl=row.realized_pnl or "0",
            unrealized_pnl=row.unrealized_pnl or "0",
            fees=row.fees or "0",
            filled_orders=filled_orders,
            closed_trades=len(profits),
        )
        if profits:
            performance.win_rate = sum(1 for profit in profits if profit > 0) / len(profits)
        with localcontext(EXACT):
            won = sum((profit for profit in profits if profit > 0), ZERO)
            lost = -sum((profit for profit in profits if profit < 0), ZERO)
            if lost:
                performance.profit_factor = float(won / lost)
        return performance

    async def _profits(self, strategy_id: str) -> list[Decimal]:
        """Return the profit after fees of every closed trade, at most the newest 100,000."""
        found: list[Decimal] = []
        token = ""
        for _ in range(_MOST_PAGES):
            answer = await self._stub.ListClosedTrades(
                portfolio_service_pb2.ListClosedTradesRequest(
                    strategy_id=strategy_id, page_size=_PAGE, page_token=token
                ),
                metadata=self._peer.metadata(),
                timeout=_TIMEOUT_S,
            )
            found.extend(parse_decimal(trade.pnl or "0", "pnl") for trade in answer.trades)
            token = answer.next_page_token
            if not token:
                break
        return found
