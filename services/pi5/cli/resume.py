"""`pi5 resume`."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("resume")
    def go_on(
        reason: Annotated[str, typer.Option(help="why; kept in the log")] = "",
        json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    ) -> None:
        """Allow trading again after a halt."""
        from pi5.cli._mode import change_mode

        change_mode("Resume", reason or "resumed from the command line", json)
