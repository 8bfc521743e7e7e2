"""`pi5 up`. Without options before it, `main` comes here without the command line's imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5.cli._here import here

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(start)


def start() -> None:
    """Start everything and keep it running until Ctrl+C."""
    from pi5.supervisor.main import up

    place = here()
    up(place.home, place.settings)
