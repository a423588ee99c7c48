"""The parts of a demo: its config, its database, its tapes and the examples."""
