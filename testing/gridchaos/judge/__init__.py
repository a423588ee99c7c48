"""Checks after a play: the audit, the invariants, and how long positions were unprotected."""
