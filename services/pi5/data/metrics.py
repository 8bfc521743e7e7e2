"""What can be seen of the data service from outside, beyond what every service shows."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

MESSAGES = Counter("market_messages_total", "Market events let in.", ["provider", "kind"])
PROVIDER_ERRORS = Counter("market_provider_errors_total", "Failures of a provider.", ["provider"])
FEED_AGE_SECONDS = Gauge(
    "market_feed_age_seconds", "Time since the provider's last message.", ["provider"]
)
QUARANTINED = Counter("market_quarantined_rows_total", "Rows not let in, by reason.", ["reason"])
SUBSCRIBERS = Gauge("market_subscribers", "Open subscriptions to live data.")
BATCHES = Counter("market_batches_total", "Batches of live data published.")
DROPPED = Counter("market_dropped_batches_total", "Batches that slow subscribers missed.")
BARS_STORED = Counter("market_bars_stored_total", "Bars written to the database.")
