"""Measures what a venue does where venues differ, by trading tiny amounts on it through ccxt as the executor uses it.

`measure` runs all measurements on a `Bench` and gives the venue's row; `gridwright conformance` shows it and writes it.
"""
