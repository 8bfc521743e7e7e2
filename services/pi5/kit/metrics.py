"""Prometheus metrics that every service has, and the HTTP port they are read from."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from pi5.domain.errors import ConfigurationFault

_LATENCY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

REQUESTS = Counter("grpc_requests_total", "Calls answered, by method and code.", ["method", "code"])
REQUEST_SECONDS = Histogram(
    "grpc_request_seconds", "Time to answer a unary call.", ["method"], buckets=_LATENCY
)
STREAMS = Gauge("grpc_streams", "Open streams, by method.", ["method"])
QUERY_SECONDS = Histogram(
    "database_query_seconds", "Time of a database round trip.", ["operation"], buckets=_LATENCY
)
QUEUE_DEPTH = Gauge("queue_depth", "Entries waiting in a bounded queue.", ["queue"])
QUEUE_DROPPED = Counter("queue_dropped_total", "Entries dropped from a queue.", ["queue"])
BREAKER_STATE = Gauge("circuit_breaker_state", "0 closed, 1 half open, 2 open.", ["breaker"])


def expose_metrics(port: int) -> None:
    """Serve /metrics on loopback; 0 serves nothing.

    Raises:
        ConfigurationFault: PORT_TAKEN.
    """
    if not port:
        return
    try:
        start_http_server(port, addr="127.0.0.1")
    except OSError:
        raise ConfigurationFault(
            "PORT_TAKEN",
            f"port {port} (metrics) is taken by another program; stop it, or move the service's "
            "ports with services.<name>.port",
        ) from None
