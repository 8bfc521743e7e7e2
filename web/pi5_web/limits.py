"""How often a client may call, and from where."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass

from pi5.kit.clock import Clock

_NEAR = tuple(
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "::1/128",
        "fe80::/10",
        "fc00::/7",
    )
)
_CLIENTS_KEPT_MAX = 10_000


def plain_address(host: str) -> str:
    """Return an address without zone, and IPv4 as such.

    >>> plain_address("::ffff:192.168.1.5"), plain_address("fe80::1%eth0")
    ('192.168.1.5', 'fe80::1')
    """
    return host.partition("%")[0].removeprefix("::ffff:")


def is_near(host: str) -> bool:
    """Tell whether an address is of this machine or a private network.

    >>> is_near("192.168.1.5"), is_near("8.8.8.8"), is_near("fe80::1%eth0")
    (True, False, True)
    """
    try:
        address = ipaddress.ip_address(plain_address(host))
    except ValueError:
        return False
    return any(address in network for network in _NEAR)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a client may still do; times in seconds."""

    allowed: bool
    limit: int
    remaining: int
    wait_s: float

    def headers(self) -> dict[str, str]:
        """Return the rate limit headers."""
        shown = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
        }
        if not self.allowed:
            shown["Retry-After"] = str(math.ceil(self.wait_s))
        return shown


class RateLimit:
    """A token bucket for each client: a minute's worth at once, refilled steadily.

    Bounded: the clients that have been silent longest are forgotten, which only helps them.
    """

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._limit = per_minute
        self._per_ns = per_minute / 60e9
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, client: str) -> Allowance:
        """Take one call from a client's bucket."""
        now = self._clock.monotonic_ns()
        level, filled_at = self._buckets.pop(client, (float(self._limit), now))
        level = min(self._limit, level + (now - filled_at) * self._per_ns)
        allowed = level >= 1
        if allowed:
            level -= 1
        self._buckets[client] = (level, now)
        if len(self._buckets) > _CLIENTS_KEPT_MAX:
            self._buckets.popitem(last=False)
        return Allowance(
            allowed, self._limit, int(level), max(0.0, (1 - level) / self._per_ns / 1e9)
        )
