"""`pi5 version`."""

from __future__ import annotations

import platform

import typer

from pi5.kit.version import version


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("version")
    def show() -> None:
        """Show the version of the system and of Python."""
        print(f"pi5 {version()}, Python {platform.python_version()}, {platform.machine()}")
