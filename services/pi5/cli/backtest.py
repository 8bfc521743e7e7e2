"""`pi5 backtest`: a strategy over history, in the running system or right here without one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("backtest")
    def backtest(
        strategy: Annotated[str, typer.Argument(help="strategy type, such as ma-crossover")],
        symbol: Annotated[list[str], typer.Option(help="instrument; may be given again")],
        parameter: Annotated[
            list[str] | None, typer.Option("--set", help="parameter, such as fast=10")
        ] = None,
        timeframe: Annotated[str, typer.Option(help="length of the bars")] = "1d",
        begin: Annotated[str, typer.Option("--from", help="first day, such as 2010-01-01")] = "",
        end: Annotated[str, typer.Option("--to", help="day after the last")] = "",
        cash: Annotated[str, typer.Option(help="cash to begin with")] = "100000",
        fee_rate: Annotated[str, typer.Option(help="fee as a share of the value")] = "0.0005",
        slippage_rate: Annotated[str, typer.Option(help="slippage as a share of price")] = "0",
        seed: Annotated[int, typer.Option(min=0, help="seed of everything random")] = 0,
        csv: Annotated[
            Path | None, typer.Option(help="file with time,open,high,low,close,volume")
        ] = None,
        json_output: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    ) -> None:
        """Run a strategy over history with the engines that trade live."""
        from pi5.cli._backtest import Wish, run_and_print

        wish = Wish(
            strategy, symbol, parameter or [], timeframe, begin, end, cash, fee_rate,
            slippage_rate, seed,
        )  # fmt: skip
        run_and_print(wish, csv, json_output)
