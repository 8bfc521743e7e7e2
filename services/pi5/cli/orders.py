"""`pi5 orders`."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("orders")
    def show(
        open_only: Annotated[bool, typer.Option("--open", help="working ones only")] = False,
        symbol: Annotated[str, typer.Option(help="only this instrument")] = "",
        strategy: Annotated[str, typer.Option(help="only this strategy")] = "",
        limit: Annotated[int, typer.Option(min=1, max=500, help="most rows")] = 20,
        json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    ) -> None:
        """Show orders, newest first."""
        _show(open_only=open_only, symbol=symbol, strategy=strategy, limit=limit, json=json)


def _show(*, open_only: bool, symbol: str, strategy: str, limit: int, json: bool) -> None:
    from pi5.api.common.v1 import trading_pb2
    from pi5.api.execution.v1 import (
        execution_pb2,
        execution_service_pb2,
        execution_service_pb2_grpc,
    )
    from pi5.cli._here import here
    from pi5.cli._output import enum_text, local_time, plain, print_json, print_table
    from pi5.cli._rpc import connected

    filters = execution_service_pb2.OrderFilter
    request = execution_service_pb2.ListOrdersRequest(
        status=filters.ORDER_FILTER_OPEN if open_only else filters.ORDER_FILTER_ALL,
        symbols=[symbol] if symbol else [],
        strategy_id=strategy,
        page_size=limit,
    )
    stub = execution_service_pb2_grpc.ExecutionServiceStub
    with connected(here(), "execution", stub) as execution:
        orders = execution.call(execution.stub.ListOrders, request).orders
    if json:
        print_json([plain(order) for order in orders])
        return
    print_table(
        ("Time", "Symbol", "Side", "#Qty", "#Filled", "#Price", "Status", "Strategy", "Why"),
        (
            (
                local_time(order.created_at),
                order.symbol,
                enum_text(trading_pb2.Side.DESCRIPTOR, order.side),
                order.qty,
                order.filled_qty,
                order.filled_avg_price or order.limit_price or "market",
                enum_text(execution_pb2.OrderStatus.DESCRIPTOR, order.status),
                order.strategy_id,
                order.reject_reason or order.reject_code,
            )
            for order in orders
        ),
        "No orders.",
    )
