"""The Pi5 Trading System: services, domain and command line."""
