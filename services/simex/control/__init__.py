"""The control RPCs: what tests and the command line, but not clients, may read and change."""
