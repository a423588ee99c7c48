"""Offline access to the orchestrator's databases for the command line."""
