"""Metrics of the strategy service."""

from prometheus_client import Counter, Gauge, Histogram

_CALL = (0.00002, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 5)

SIGNALS = Counter("strategy_signals_total", "Signals, by what became of them.", ["outcome"])
FAILURES = Counter("strategy_failures_total", "Strategies that raised or hung.", ["strategy"])
CALL_SECONDS = Histogram(
    "strategy_call_seconds", "Time of one call of a plug-in.", ["hook"], buckets=_CALL
)
ANSWER_SECONDS = Histogram(
    "strategy_answer_seconds",
    "Time from a signal to execution's answer.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
RUNNING = Gauge("strategies_running", "Strategies that see the market and give signals.")
