"""What risk tells Prometheus beside what every service does."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

BLOCKS = Counter("risk_blocks_total", "Signals and orders refused, by code.", ["code"])
DECISIONS = Counter("risk_decisions_total", "Signals and orders judged.", ["outcome"])
DECISION_SECONDS = Histogram(
    "risk_decision_seconds",
    "Time to judge one signal or order.",
    buckets=(0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05),
)
RESERVATIONS = Gauge("risk_reservations", "Orders that have limits reserved.")
LAPSED = Counter("risk_reservations_lapsed_total", "Approvals that were never used.")
MODE = Gauge("risk_mode", "1 active, 2 reducing, 3 halted.")
UNWRITTEN = Gauge("risk_unwritten_events", "Events applied but not stored yet.")
