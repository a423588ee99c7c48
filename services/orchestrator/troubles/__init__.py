"""Detects troubles of a grid, its fees and the peer services, and reports when they begin and end."""
