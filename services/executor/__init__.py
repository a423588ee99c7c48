"""The executor: the only process with exchange keys. It sends each action at most once and records its outcome.

Reading order: `venue.port` (the interface of a venue), `ledger` (what is stored), `dispatch` (how an action is sent),
`resolution` (how doubt about an order ends), `updates` (how fills reach the update log), `api.servicer` (the RPCs).
"""
