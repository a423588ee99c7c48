"""Who may ask and how often: keys, signatures, limits, weights and the log of requests."""
