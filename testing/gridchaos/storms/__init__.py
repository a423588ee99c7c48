"""Storms of random kills, stops, cuts and operator commands, reproducible from a seed and shrunk when they fail."""
