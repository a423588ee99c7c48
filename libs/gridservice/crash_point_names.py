"""The names of all crash points, with what is durable there. tests/chaos/test_crash_points.py checks the source.

A write or a call has two points, before and after it. At the point after a write, nobody has been notified of it yet.
A moment is one point, between two events that a restart handles differently.
"""

from collections.abc import Mapping

# The operation between `.before` and `.after`.
WRITES: Mapping[str, str] = {
    # The executor's ledger.
    "executor.schema": "the ledger's tables",
    "executor.birth": "the ledger's birth id, or its new holder",
    "executor.accept": "a request with all its actions as INTENT",
    "executor.withdraw": "an action that the venue's limits hold back, as NOT_SENT",
    "executor.sending": "an action as SENDING, with the timestamp that will be signed",
    "executor.answer": "an action's outcome",
    "executor.fence": "a raised fence, with what it ended NOT_SENT",
    "executor.adopt": "the orders and trades of a lost ledger, taken over from the venue",
    "executor.learn": "the venue's id of an order",
    "executor.trade": "a fill in the update log",
    "executor.end": "an order's end in the update log",
    "executor.found": "an order that was UNKNOWN, as OPEN in the update log",
    "executor.absent": "an order that was UNKNOWN, as NOT_PLACED in the update log",
    "executor.resolve": "an action that was UNKNOWN, as done: the log has its order's end",
    "executor.word": "an operator statement about an order that was UNKNOWN, with what it ends",
    "executor.cursor": "how far the poll has read the venue's trades",
    "executor.prune": "the floor, and finished requests gone",
    "executor.acknowledge": "the state that has applied the update log so far",
    "executor.prune_log": "the update log's floor, and what lay below it gone",
    # The venue, which is durable too.
    "executor.place": "an order on the venue",
    "executor.cancel": "an order's end on the venue",
    "executor.look": "nothing: a place in doubt is looked up",
    "executor.look_cancelled": "nothing: the order of a cancel in doubt is looked up",
    # The orchestrator's store, the same on SQLite and Postgres.
    "orchestrator.schema": "the state's tables",
    "orchestrator.lease": "the lease under a new epoch",
    "orchestrator.epoch": "a new epoch under the lease",
    "orchestrator.save": "a state that no step made",
    "orchestrator.bind": "the ledger's birth id in the state",
    "orchestrator.commit": "a step: state, changed slots and journal row",
    "orchestrator.cursor": "how far the ledger's requests are settled",
    "orchestrator.note_look": "when prices were last seen",
    "orchestrator.prune": "old journal rows gone",
    # DBOS: a workflow from its record to its outcome, or a step up to its checkpoint.
    "orchestrator.launch": "DBOS's tables, and the recovered workflows on its queue",
    "orchestrator.run": "a plan's workflow, from its record to its outcome",
    "orchestrator.halt": "the record of enter_safe_mode",
    "orchestrator.lift": "the record of exit_safe_mode",
    "orchestrator.hand_over": "workflows cancelled that this version has finished or taken over from an earlier one",
    "orchestrator.prune_workflows": "finished workflows gone",
    "orchestrator.batch_execute": "the ledger's answers; the step's checkpoint is not there",
    "orchestrator.commit_state": "the step's commit; the step's checkpoint is not there",
    "orchestrator.open_safe_mode": "mode ENTERING and its epoch; the step's checkpoint is not there",
    "orchestrator.raise_fence": "the executor's fence; the step's checkpoint is not there",
    "orchestrator.cancel_opening_orders": "nothing, the loop was notified; the step's checkpoint is not there",
    "orchestrator.verify_no_opening_order": "nothing, the venue was queried; the step's checkpoint is not there",
    "orchestrator.close_safe_mode": "mode SAFE; the step's checkpoint is not there",
    "orchestrator.lift_safe_mode": "mode RUNNING; the step's checkpoint is not there",
    # The executor as the orchestrator calls it.
    "orchestrator.take_over": "the fence of the new epoch, in the ledger",
    "orchestrator.cut": "the ledger's link to the state cleared, under the epoch of a rebuild",
    "orchestrator.tie": "the link to the rebuilt state, in the ledger",
    "orchestrator.call": "a request in the ledger, as far as the call came",
}

# What is durable at a single point.
MOMENTS: Mapping[str, str] = {
    "executor.ledger.written": "nothing of a batch of transactions, all of which have run and wait for their COMMIT",
    "executor.ledger.committed": "all of that batch; none of its waiting callers has been notified",
    "executor.told": "an answer, which is about to be streamed to the caller",
    "executor.start.reached": "what the last run left; the venue answers",
    "executor.start.recovered": "an answer to each action that the last run left SENDING",
    "executor.start.caught_up": "the update log up to now; no request has been served",
    "orchestrator.commit.written": "nothing of a step whose statements have all run and wait for their COMMIT",
    "orchestrator.heard": "an answer in the ledger, received by the orchestrator in the middle of a batch",
    "orchestrator.trading_step.begun": "the workflow's record; none of its steps",
    "orchestrator.trading_step.ended": "all of its steps; not its outcome",
    "orchestrator.on_order_update.begun": "the workflow's record; none of its steps",
    "orchestrator.on_order_update.ended": "all of its steps; not its outcome",
    "orchestrator.enter_safe_mode.begun": "the workflow's record; none of its steps",
    "orchestrator.enter_safe_mode.ended": "all of its steps; not its outcome",
    "orchestrator.exit_safe_mode.begun": "the workflow's record; none of its steps",
    "orchestrator.exit_safe_mode.ended": "all of its steps; not its outcome",
    "orchestrator.batch_execute.recorded": "the step's checkpoint, and with it that the ledger has answered",
    "orchestrator.commit_state.recorded": "the step's checkpoint, and with it that the step is committed",
    "orchestrator.open_safe_mode.recorded": "the step's checkpoint, with the epoch to fence with",
    "orchestrator.raise_fence.recorded": "the step's checkpoint: nothing decided before the halt will be sent",
    "orchestrator.cancel_opening_orders.recorded": "the step's checkpoint: the loop was notified to cancel",
    "orchestrator.verify_no_opening_order.recorded": "the step's checkpoint: no opening order rests",
    "orchestrator.close_safe_mode.recorded": "the step's checkpoint: mode SAFE",
    "orchestrator.lift_safe_mode.recorded": "the step's checkpoint: mode RUNNING",
    "orchestrator.start.leased": "lease and epoch; the fence is the old one",
    "orchestrator.start.fenced": "the fence, and the link between state and ledger",
    "orchestrator.start.settled": "one more request of the last run, settled and committed",
    "orchestrator.start.cleared": "every request of the last run; the update log may be ahead",
    "orchestrator.start.drained": "the update log, applied up to its end at the start",
    "orchestrator.start.agreed": "a state that agrees with the venue's book; no price was received",
}

CRASH_POINTS: Mapping[str, str] = {
    **{f"{name}.before": f"not yet: {what}" for name, what in WRITES.items()},
    **{f"{name}.after": what for name, what in WRITES.items()},
    **MOMENTS,
}
