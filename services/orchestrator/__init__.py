"""Decides trades and stores the state of each grid and its workflows. Holds no API keys, knows no venue."""
