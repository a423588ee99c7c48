"""Adapter of the venue for ccxt: the only package of the executor that uses ccxt's types."""
