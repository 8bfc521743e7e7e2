"""Where market data comes from: one module for each source, behind the interface in `base`."""
