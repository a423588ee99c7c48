"""Limits of the venue: request weight, order counts and silences, and the queue for them."""
