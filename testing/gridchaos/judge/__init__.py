"""What is checked after a play: the audit, the invariants, and how long orders went unprotected."""
