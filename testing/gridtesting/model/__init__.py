"""A small formal model of ledger, step and fencing: one slot, one executor, an old and a new orchestrator, a venue.

`world` has the values, `rules` the rules that can be disabled, `promises` the invariants, the other modules the moves.
"""
