"""A simulated spot exchange as values and functions: account, matching, and where its market's trades come from.

Nothing here reads a clock, a file or a socket; time and seed are arguments. simex serves it, the backtest drives it.
"""
