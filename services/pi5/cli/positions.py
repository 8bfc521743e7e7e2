"""`pi5 positions`."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("positions")
    def show(
        account: Annotated[str, typer.Option(help="the default account when empty")] = "",
        closed: Annotated[bool, typer.Option("--closed", help="also closed ones")] = False,
        json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    ) -> None:
        """Show what is held, by symbol and strategy, and the account in short."""
        _show(account, closed, json)


def _show(account: str, closed: bool, json: bool) -> None:
    from pi5.api.portfolio.v1 import portfolio_service_pb2, portfolio_service_pb2_grpc
    from pi5.cli._here import here
    from pi5.cli._output import plain, print_json, print_table
    from pi5.cli._rpc import connected

    stub = portfolio_service_pb2_grpc.PortfolioServiceStub
    with connected(here(), "portfolio", stub) as portfolio:
        wanted = portfolio_service_pb2.ListPositionsRequest(
            account=account, include_closed=closed, page_size=500
        )
        held = portfolio.call(portfolio.stub.ListPositions, wanted)
        summary = portfolio.call(
            portfolio.stub.GetSummary, portfolio_service_pb2.GetSummaryRequest(account=account)
        ).summary
    if json:
        positions = [plain(position) for position in held.positions]
        print_json({"summary": plain(summary), "positions": positions})
        return
    print_table(
        ("Symbol", "Strategy", "#Qty", "#Entry", "#Price", "#Value", "#Unrealized", "#Realized"),
        (
            (
                position.symbol,
                position.strategy_id,
                position.qty,
                position.avg_entry_price,
                (position.current_price or "none") + (" stale" if position.stale else ""),
                position.market_value,
                position.unrealized_pnl,
                position.realized_pnl,
            )
            for position in held.positions
        ),
        "No positions.",
    )
    print(
        f"\nEquity {summary.equity} {summary.currency}, cash {summary.cash}, "
        f"today {summary.day_pnl}"
    )
