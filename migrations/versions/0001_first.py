"""The first schema: roles, and a schema for each service."""

from pathlib import Path

from pi5.kit.migrate import run_sql

revision = "0001"
down_revision = None

_FOLDER = Path(__file__).with_name("0001")


def upgrade() -> None:
    """Create everything; the roles first, because the other files grant to them."""
    for name in (
        "roles",
        "data",
        "strategy",
        "risk",
        "execution",
        "portfolio",
        "backtest",
        "system",
    ):
        run_sql(_FOLDER / f"{name}.sql")
