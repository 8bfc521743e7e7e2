"""`pi5 serve NAME`: for the help only; `main` goes straight to the service."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("serve")
    def run(name: str) -> None:
        """Run one service in this process: data, strategy, risk, execution, portfolio, …."""
        from pi5.kit.lifecycle import serve

        raise typer.Exit(serve(name))
