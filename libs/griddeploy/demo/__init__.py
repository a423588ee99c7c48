"""What a demo is made of: its config, its database, its tapes and the examples."""
