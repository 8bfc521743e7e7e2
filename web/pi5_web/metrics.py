"""The bridge's own metrics, and those of all services in one text."""

from __future__ import annotations

import asyncio
import contextlib

from pi5.kit.settings import GRPC_SERVICES, Settings
from prometheus_client import Counter, Gauge, Histogram, generate_latest

REQUESTS = Counter("http_requests_total", "HTTP requests answered.", ["route", "method", "status"])
REQUEST_SECONDS = Histogram(
    "http_request_seconds",
    "Time to answer an HTTP request.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
THROTTLED = Counter("http_throttled_total", "Requests refused by the rate limit.", ["limit"])
CLIENTS = Gauge("websocket_clients", "Open WebSockets.")
SUBSCRIPTIONS = Gauge("websocket_subscriptions", "Subscriptions of open WebSockets.", ["channel"])
MESSAGES = Counter("websocket_messages_total", "Messages made, before fan-out.", ["channel"])
DROPPED = Counter("websocket_dropped_total", "WebSockets closed by the server.", ["reason"])

_TIMEOUT_S = 2.0
_LARGEST_BYTES = 4 * 1024 * 1024


def own() -> bytes:
    """Return the bridge's metrics in the text format."""
    return generate_latest()


async def all_services(settings: Settings) -> str:
    """Return the metrics of every service that answers on this machine, labelled by service."""
    names = [name for name in GRPC_SERVICES if settings.metrics_port(name)]
    texts = await asyncio.gather(*(_fetch(settings.metrics_port(name)) for name in names))
    return merge([*zip(names, texts, strict=True), ("web", own().decode())])


def merge(texts: list[tuple[str, str]]) -> str:
    r"""Put texts of services together: one header a family, a label says whose sample it is.

    >>> print(merge([("a", "# TYPE x gauge\nx 1"), ("b", '# TYPE x gauge\nx{y="2"} 3')]))
    # TYPE x gauge
    x{service="a"} 1
    x{service="b",y="2"} 3
    <BLANKLINE>
    """
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for service, text in texts:
        family = ""
        for line in text.splitlines():
            if line.startswith("# "):
                family = line.split(" ", 3)[2]
                if len(samples.setdefault(family, [])) == 0:
                    known = heads.setdefault(family, [])
                    if line not in known:
                        known.append(line)
            elif line:
                samples.setdefault(family, []).append(_labelled(line, service))
    lines = [line for family, rows in samples.items() for line in [*heads.get(family, []), *rows]]
    return "\n".join(lines) + "\n"


def _labelled(sample: str, service: str) -> str:
    brace, space = sample.find("{"), sample.find(" ")
    if 0 <= brace < space:
        return f'{sample[:brace]}{{service="{service}",{sample[brace + 1 :]}'
    return f'{sample[:space]}{{service="{service}"}}{sample[space:]}'


async def _fetch(port: int) -> str:
    """Return the metrics a service shows on loopback; nothing when it does not answer."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
                answer = await reader.read(-1)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return ""
    head, _, body = answer[:_LARGEST_BYTES].partition(b"\r\n\r\n")
    return body.decode(errors="replace") if b" 200 " in head[:15] else ""
