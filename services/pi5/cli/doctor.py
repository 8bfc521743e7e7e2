"""`pi5 doctor`: what an operator should know about this machine, each line with its remedy."""

from __future__ import annotations

from typing import Annotated

import typer

_SYMBOLS = {"ok": "[green]ok[/]  ", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("doctor")
    def examine(
        json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    ) -> None:
        """Look at the machine, the disk and the database. Exit 1 when something is not fit."""
        from dataclasses import asdict

        from rich.console import Console
        from rich.markup import escape

        from pi5.cli._checks import examine_all
        from pi5.cli._here import here
        from pi5.cli._output import print_json

        found = examine_all(here())
        if json:
            print_json([asdict(finding) for finding in found])
        else:
            console = Console(soft_wrap=True, highlight=False)
            for finding in found:
                head = f"{_SYMBOLS[finding.level]} {finding.subject:<14}"
                console.print(f"{head} {escape(finding.text)}")
                if finding.fix:
                    console.print(f"     {'':<14} → {escape(finding.fix)}")
        raise typer.Exit(1 if any(finding.level == "fail" for finding in found) else 0)
