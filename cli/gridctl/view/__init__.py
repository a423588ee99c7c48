"""What the command line draws: the live view, lines, tables and reports."""
