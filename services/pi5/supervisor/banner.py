"""What `pi5 up` says once everything runs."""

from __future__ import annotations

from pi5.kit.home import Home
from pi5.kit.settings import Settings
from pi5.kit.version import version
from pi5.supervisor.addresses import dashboard_addresses, setup_link


def banner(home: Home, settings: Settings) -> str:
    """Return the text: where to look, what kind of money, where the logs are."""
    addresses = dashboard_addresses(settings)
    live = settings.system.environment == "live"
    rows = [("Dashboard", address) for address in addresses]
    if link := setup_link(home, addresses[0]):
        rows.append(("First visit", f"{link}  (creates the admin, works once)"))
    rows += [
        ("Mode", "LIVE: real money" if live else "paper trading, no real money"),
        ("Home", str(home.root)),
        ("Logs", str(home.logs)),
    ]
    lines = [f"  {name:<12} {value}" for name, value in _without_repeats(rows)]
    return "\n".join(
        ["", f"Pi5 Trading System {version()} is running. Ctrl+C stops it.", *lines, ""]
    )


def _without_repeats(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Blank out a name that the row above has already."""
    shown = []
    previous = ""
    for name, value in rows:
        shown.append(("" if name == previous else name, value))
        previous = name
    return shown
