"""The version of this program, read from the installed package."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """Return the version, such as 0.1.0; "unknown" when run without being installed."""
    try:
        return metadata.version("pi5-trading-system")
    except metadata.PackageNotFoundError:
        return "unknown"
