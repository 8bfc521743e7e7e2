"""The shell every service shares: configuration, logs, gRPC, database, health, metrics."""
