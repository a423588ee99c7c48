"""One symbol at work: its events, its state, its steps, from start to stop."""
