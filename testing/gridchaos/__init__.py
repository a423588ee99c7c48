"""Chaos: services killed at each crash point and at random, with the book of the venue as the judge."""
