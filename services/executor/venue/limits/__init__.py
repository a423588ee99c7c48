"""The venue's limits: request weight, order counts and silences, and the queue before them."""
