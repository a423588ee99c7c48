"""Compares state, ledger and exchange: every order, fill and total must agree."""
