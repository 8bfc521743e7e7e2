"""Options before the command: which installation it works on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the options."""

    @app.callback()
    def place(
        home: Annotated[str, typer.Option(help="folder with all state [PI5_HOME]")] = "",
        config: Annotated[str, typer.Option(help="settings [PI5_CONFIG, pi5.yaml in home]")] = "",
    ) -> None:
        """Runs and operates the Pi5 Trading System."""
        # Through the environment, so that the processes we start use the same.
        for name, value in (("PI5_HOME", home), ("PI5_CONFIG", config)):
            if value:
                os.environ[name] = str(Path(value).expanduser().absolute())
