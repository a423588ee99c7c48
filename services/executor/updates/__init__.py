"""Sources of the update log: user stream, polls and imported history."""
