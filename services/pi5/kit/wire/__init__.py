"""Between the contract's messages and the domain, for what several services exchange.

What only one service knows is converted in that service's `convert.py`.
"""
