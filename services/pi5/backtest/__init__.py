"""Backtests: history through the very engines that trade live, with a simulated clock."""
