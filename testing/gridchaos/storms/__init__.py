"""Random kills, stops, cuts and operators, reproducible from a seed and shrunk when they fail."""
