"""Versions of the schema of a symbol's state file."""
