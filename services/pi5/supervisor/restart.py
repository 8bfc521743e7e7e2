"""How long to wait before a service that ended is started again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class RestartDelay:
    """Doubles from `first_s` to `last_s`; a service that lived for `healthy_s` begins anew.

    >>> delay = RestartDelay()
    >>> [delay.after(lived_s=1.0) for _ in range(7)]
    [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0]
    >>> delay.after(lived_s=61.0)
    0.2
    """

    first_s: float = 0.2
    last_s: float = 10.0
    healthy_s: float = 60.0
    _next_s: float = 0.0

    def after(self, lived_s: float) -> float:
        """Return the seconds to wait after a life of `lived_s` seconds."""
        if lived_s >= self.healthy_s or not self._next_s:
            self._next_s = self.first_s
        wait_s = self._next_s
        self._next_s = min(wait_s * 2, self.last_s)
        return wait_s
