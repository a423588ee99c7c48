"""Access control: keys, signatures, limits, weights and the log of requests."""
