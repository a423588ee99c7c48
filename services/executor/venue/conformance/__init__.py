"""Conformance measurements: trades tiny amounts on a venue, through ccxt as the executor uses it.

`measure` runs all measurements on a `Session` and returns the venue's profile; `gridwright conformance` shows and
writes it.
"""
