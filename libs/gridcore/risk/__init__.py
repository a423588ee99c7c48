"""When a grid must stop: the risk rules and the memory of price jumps."""
