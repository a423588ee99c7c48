"""Chaos tests: kill services at each crash point and at random, and judge the result by the venue's book."""
