"""The ledger: what the executor remembers, written before the wire. SQLite or Postgres, one text for both.

Functions here take a connection inside a transaction of the `writer` and leave time, network and waiting to others.
"""
