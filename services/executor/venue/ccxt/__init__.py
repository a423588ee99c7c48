"""The venue through ccxt: the only package of the executor that knows its words."""
