"""Runs a service as a child process: starts, monitors and restarts it; it ends with its parent."""
