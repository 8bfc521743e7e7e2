"""Strategies: finds the plug-ins, runs them on live bars, and sends their signals to execution."""
