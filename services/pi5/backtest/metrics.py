"""Metrics of the backtest service."""

from prometheus_client import Counter, Gauge, Histogram

RUNS = Counter("backtest_runs_total", "Runs that ended, by how.", ["state"])
BARS = Counter("backtest_bars_total", "Bars played.")
QUEUED = Gauge("backtest_queue_depth", "Runs that wait for a worker.")
SECONDS = Histogram(
    "backtest_run_seconds", "Time of a run.", buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 1_800)
)
