"""The executor: the only process with exchange keys. It acts on the venue, at most once per action, and remembers.

Read it in this order: `ports` (what a venue is), `ledger` (what is remembered), `work` (how an action is sent),
`lookup` and `resolver` (what doubt ends in), `recorder` and `watch` (how fills reach the log), `servicer` (the door).
"""
