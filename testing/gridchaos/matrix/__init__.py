"""Crash points × phases × venue faults: each case kills one process at one point."""
