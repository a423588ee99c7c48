"""Simulated spot exchange as pure values and functions: accounts, matching, and the sources of market trades.

Nothing here reads a clock, a file or a socket; time and seed are arguments. simex serves it and the backtest drives it.
"""
