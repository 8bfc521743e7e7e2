"""`pi5 migrate`."""

from __future__ import annotations

import asyncio

import typer

from pi5.cli._here import Here, here


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("migrate")
    def run() -> None:
        """Bring the database to this version of the program; harmless to repeat."""
        before, after = asyncio.run(_migrate(here()))
        if before == after:
            print(f"The database is at version {after} already.")
        else:
            print(f"The database was upgraded from {before or 'nothing'} to {after}.")


async def _migrate(place: Here) -> tuple[str, str]:
    from pathlib import Path

    from pi5.kit.migrate import upgrade
    from pi5.kit.postgres import EmbeddedPostgres

    if place.settings.database.url:
        return await upgrade(place.settings.database.url)
    folder = place.settings.database.bin_folder
    async with EmbeddedPostgres(place.home, Path(folder) if folder else None) as dsn:
        return await upgrade(dsn)
