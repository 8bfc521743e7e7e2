"""The Pi5 Trading System: services, domain and command line."""

__version__ = "0.1.0"
