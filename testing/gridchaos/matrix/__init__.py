"""Crash matrix: crash points × phases × venue faults. Each case kills one process at one point."""
