"""Native core of the Pi5 Trading System: the hot paths, in Rust, called from Python.

Prices are integer ticks and quantities integer lots; floats appear only in indicators and
statistics. Importing this package does not import NumPy. Everything is described in `_native.pyi`.
"""

from pi5_core._native import *  # noqa: F403 - the compiled module says what is public
