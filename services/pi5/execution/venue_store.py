"""SQL of the simulated exchange's books: what a real venue would keep on its side.

Apart from `store.py`, because recovery must never look into them: execution learns from this venue
as from any other, by asking it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pi5.domain.broker import BrokerExecution, BrokerOrder
from pi5.domain.money import optional_decimal, wire
from pi5.domain.order import OrderStatus, OrderTerms, OrderType, Side, TimeInForce
from pi5.execution.brokers.exchange import VenueOrder
from pi5.kit.database import Pool
from pi5.kit.wire.times import to_datetime

_WORKING = [int(OrderStatus.ACCEPTED), int(OrderStatus.PARTIALLY_FILLED)]

_SAVE = """
WITH kept AS (
    INSERT INTO venue_order (broker, client_order_id, content, status, updated_at)
    SELECT $1, rows.* FROM unnest($2::text[], $3::jsonb[], $4::smallint[], $5::timestamptz[])
        AS rows(client_order_id, content, status, updated_at)
    ON CONFLICT (broker, client_order_id) DO UPDATE
    SET content = EXCLUDED.content, status = EXCLUDED.status, updated_at = EXCLUDED.updated_at
)
INSERT INTO venue_execution (broker, execution_id, client_order_id, content, time)
SELECT $1, rows.* FROM unnest($6::text[], $7::text[], $8::jsonb[], $9::timestamptz[])
    AS rows(execution_id, client_order_id, content, time)
"""


class VenueBooks:
    """The books of one simulated broker."""

    def __init__(self, pool: Pool[Any], broker: str) -> None:
        self._pool = pool
        self._broker = broker

    async def save(
        self, orders: Sequence[VenueOrder], executions: Sequence[BrokerExecution], now_ns: int
    ) -> None:
        """Keep orders as they are now, and executions, in one transaction."""
        last = {order.terms.client_order_id: order for order in orders}
        await self._pool.execute(
            _SAVE,
            self._broker,
            list(last),
            [json.dumps(_order_to(order)) for order in last.values()],
            [int(order.status) for order in last.values()],
            [to_datetime(now_ns)] * len(last),
            [execution.execution_id for execution in executions],
            [execution.client_order_id for execution in executions],
            [json.dumps(_execution_to(execution)) for execution in executions],
            [to_datetime(execution.time_ns) for execution in executions],
        )

    async def orders(self, client_order_ids: Sequence[str]) -> dict[str, BrokerOrder]:
        """Return those of the orders that are known, working or closed, as they are shown."""
        rows = await self._pool.fetch(
            "SELECT client_order_id, content FROM venue_order"
            " WHERE broker = $1 AND client_order_id = ANY($2)",
            self._broker,
            list(client_order_ids),
        )
        return {
            row["client_order_id"]: _order_from(json.loads(row["content"])).seen() for row in rows
        }

    async def working(self) -> list[VenueOrder]:
        """Return the working orders."""
        rows = await self._pool.fetch(
            "SELECT content FROM venue_order WHERE broker = $1 AND status = ANY($2)",
            self._broker,
            _WORKING,
        )
        return [_order_from(json.loads(row["content"])) for row in rows]

    async def next_number(self) -> int:
        """Return a number above those of all orders there ever were."""
        newest = await self._pool.fetchval(
            "SELECT max((content->>'number')::bigint) FROM venue_order WHERE broker = $1",
            self._broker,
        )
        return int(newest or 0) + 1

    async def executions_of(self, client_order_id: str) -> list[BrokerExecution]:
        """Return the executions of one order, oldest first."""
        rows = await self._pool.fetch(
            "SELECT content FROM venue_execution WHERE broker = $1 AND client_order_id = $2"
            " ORDER BY time, length(execution_id), execution_id",
            self._broker,
            client_order_id,
        )
        return [_execution_from(json.loads(row["content"])) for row in rows]

    async def executions_since(self, since_ns: int) -> list[BrokerExecution]:
        """Return the executions at or after a time, oldest first."""
        rows = await self._pool.fetch(
            "SELECT content FROM venue_execution WHERE broker = $1 AND time >= $2 ORDER BY time",
            self._broker,
            to_datetime(since_ns),
        )
        return [_execution_from(json.loads(row["content"])) for row in rows]

    async def positions(self) -> dict[str, Decimal]:
        """Return the quantity held by symbol."""
        rows = await self._pool.fetch(
            "SELECT content->>'symbol' AS symbol, sum((content->>'qty')::numeric"
            " * CASE (content->>'side')::int WHEN 1 THEN 1 ELSE -1 END) AS qty"
            " FROM venue_execution WHERE broker = $1 GROUP BY 1",
            self._broker,
        )
        return {row["symbol"]: row["qty"] for row in rows}


def _order_to(order: VenueOrder) -> dict[str, Any]:
    terms = order.terms
    return {
        "number": order.number,
        "client_order_id": terms.client_order_id,
        "account": terms.account,
        "strategy_id": terms.strategy_id,
        "symbol": terms.symbol,
        "side": int(terms.side),
        "type": int(terms.type),
        "time_in_force": int(terms.time_in_force),
        "limit_price": wire(terms.limit_price),
        "post_only": terms.post_only,
        "qty": wire(order.qty),
        "filled_qty": wire(order.filled_qty),
        "executions": order.executions,
        "status": int(order.status),
        "expires_at_ns": order.expires_at_ns,
        "reject_code": order.reject_code,
    }


def _order_from(content: dict[str, Any]) -> VenueOrder:
    return VenueOrder(
        number=content["number"],
        terms=OrderTerms(
            client_order_id=content["client_order_id"],
            symbol=content["symbol"],
            side=Side(content["side"]),
            type=OrderType(content["type"]),
            qty=Decimal(content["qty"]),
            account=content["account"],
            strategy_id=content["strategy_id"],
            time_in_force=TimeInForce(content["time_in_force"]),
            limit_price=optional_decimal(content["limit_price"]),
            post_only=content["post_only"],
        ),
        qty=Decimal(content["qty"]),
        status=OrderStatus(content["status"]),
        expires_at_ns=content["expires_at_ns"],
        filled_qty=Decimal(content["filled_qty"]),
        executions=content["executions"],
        reject_code=content["reject_code"],
    )


def _execution_to(execution: BrokerExecution) -> dict[str, Any]:
    return {
        "execution_id": execution.execution_id,
        "client_order_id": execution.client_order_id,
        "symbol": execution.symbol,
        "side": int(execution.side),
        "qty": wire(execution.qty),
        "price": wire(execution.price),
        "fee": wire(execution.fee),
        "currency": execution.currency,
        "time_ns": execution.time_ns,
    }


def _execution_from(content: dict[str, Any]) -> BrokerExecution:
    return BrokerExecution(
        execution_id=content["execution_id"],
        client_order_id=content["client_order_id"],
        symbol=content["symbol"],
        side=Side(content["side"]),
        qty=Decimal(content["qty"]),
        price=Decimal(content["price"]),
        fee=Decimal(content["fee"]),
        currency=content["currency"],
        time_ns=content["time_ns"],
    )
