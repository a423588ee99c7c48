"""A small formal model of ledger, step and fencing: one slot, one executor, an old and a new orchestrator, a venue.

`world` holds the values, `rules` what can be taken out, the others the moves; `promises` says what has to hold.
"""
