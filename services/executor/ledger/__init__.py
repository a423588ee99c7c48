"""The ledger: requests, actions, orders and fills, written before the network is used.

It runs on SQLite or Postgres with the same code. Functions here take a connection inside a transaction of the `writer`.
They take times as arguments, never use the network and never wait.
"""
