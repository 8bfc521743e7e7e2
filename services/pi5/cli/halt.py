"""`pi5 halt`: the kill switch, without the web, Redis or anything else in between."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("halt")
    def stop(
        reason: Annotated[str, typer.Option(help="why; kept in the log")] = "",
        json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    ) -> None:
        """Stop all trading now: no new orders, working ones are canceled. Lasts until resumed."""
        from pi5.cli._mode import change_mode

        change_mode("Halt", reason or "halted from the command line", json)
