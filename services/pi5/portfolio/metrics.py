"""What portfolio tells Prometheus beside what every service does."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

POSITIONS_VALUE = Gauge(
    "positions_value_usd", "Value of all positions in the base currency.", ["account"]
)
EQUITY = Gauge("portfolio_equity", "Equity in the base currency.", ["account"])
DRAWDOWN = Gauge("portfolio_drawdown_share", "Fall from the highest equity.", ["account"])
APPLIED_SEQUENCE = Gauge("portfolio_applied_sequence", "Last event of the order log applied.")
FILLS = Counter("portfolio_fills_total", "Fills applied.", ["side"])
