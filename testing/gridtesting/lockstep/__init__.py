"""Runs the services step by step beside the core in one process: both must decide the same."""
