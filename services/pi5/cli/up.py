"""`pi5 up`."""

from __future__ import annotations

import typer

from pi5.cli._here import here


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("up")
    def start() -> None:
        """Start everything and keep it running until Ctrl+C."""
        from pi5.supervisor.main import up

        place = here()
        up(place.home, place.settings)
