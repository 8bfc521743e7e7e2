"""Times as people and programs read them."""

from __future__ import annotations

from datetime import UTC, datetime

from pi5.kit.clock import Clock


def rfc3339(clock: Clock) -> str:
    """Return the present time in UTC, to the millisecond."""
    now = datetime.fromtimestamp(clock.now_ns() / 1e9, UTC)
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
