"""Wrong, late and lost answers on demand: their kinds, the plan, and how each is carried out."""
