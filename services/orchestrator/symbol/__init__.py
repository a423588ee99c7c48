"""Everything that runs per symbol: events, state, trading steps and safe mode, from startup to shutdown."""
