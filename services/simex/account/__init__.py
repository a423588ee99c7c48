"""Answers about one account's orders, trades, lists and balances."""
