"""Injected faults: wrong, late and lost answers; their kinds, the plan, and their execution."""
