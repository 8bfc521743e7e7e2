"""What execution counts and times, for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from pi5.domain.order import OrderEventType
from pi5.execution.effects import Effects

_SECONDS = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.04, 0.1, 0.25, 0.5, 1, 2.5)

ORDERS = Counter("orders_total", "Orders by the status they came to.", ["status"])
ORDER_LATENCY = Histogram(
    "order_latency_seconds",
    "From the request's arrival to the commit, to the send, and to the broker's answer.",
    ["stage"],
    buckets=_SECONDS,
)
FILLS = Counter("order_fills_total", "Executions applied.", ["broker"])
UNKNOWN = Gauge("orders_unknown", "Orders whose fate is not known now.")
OPEN = Gauge("orders_open", "Orders that are not closed.")
DISCREPANCIES = Counter("discrepancies_total", "Differences from brokers' records.", ["code"])
SIGNALS = Counter("signals_total", "Signals taken, by what became of them.", ["outcome"])

_STATUS = {
    OrderEventType.PENDING_NEW: "submitted",
    OrderEventType.ACCEPTED: "accepted",
    OrderEventType.FILL: "filled",
    OrderEventType.PARTIAL_FILL: "partially_filled",
    OrderEventType.CANCELED: "canceled",
    OrderEventType.EXPIRED: "expired",
    OrderEventType.REJECTED: "rejected",
    OrderEventType.REFUSED: "refused",
    OrderEventType.UNKNOWN: "unknown",
}


def count(effects: Effects) -> None:
    """Count what the effects of one input are."""
    for event in effects.events:
        if event.type in _STATUS:
            ORDERS.labels(_STATUS[event.type]).inc()
        if event.fill is not None and event.order is not None:
            FILLS.labels(event.order.broker).inc()
    for difference in effects.discrepancies:
        DISCREPANCIES.labels(difference.code).inc()
