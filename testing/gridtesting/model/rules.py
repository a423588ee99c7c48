"""The rules on which the model's promises depend, each of which can be disabled, and the bounds of an exploration."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """True: the services' behaviour. The comments name the module that implements a rule, and the design's section."""

    intent_before_wire: bool = True  # ledger.outcomes.mark_sending, §7.2: SENDING is committed before the call
    recorded_timestamp: bool = True  # dispatch.sender, §7.2: what is signed is the timestamp that SENDING has
    look_before_send: bool = True  # dispatch.sender, placer, lookup, §7.4: after doubt it looks up and never resends
    window: bool = True  # resolution.lookup, §7.4: absence proves nothing while the request may still arrive
    lag: bool = True  # resolution.lookup, §7.4: nor while what arrived in time may still be hidden
    frozen_answers: bool = True  # ledger.transitions, outcomes.record_result, §7.3: later facts come by the update log
    refusal_ends_nothing: bool = True  # dispatch.canceller, §7.5: a cancel's "unknown order" is no order's end
    end_after_fills: bool = True  # ledger.updates.append_end, §7: an order ends after all of its trades
    fence_refuses: bool = True  # ledger.acceptance, fences, outcomes, §7.1: older epochs are NOT_SENT
    fence_waits: bool = True  # dispatch.in_flight, servicer.Fence, §4: it returns once nothing older is being sent
    seq_guard: bool = True  # symbol.committed_state, store.commit, §6: a repetition does nothing, a mismatch stops
    epoch_guard: bool = True  # store: every commit checks the lease's epoch, §9
    offset_with_state: bool = True  # gridcore.bookkeeping.settle, §6: updates and the offset they reach are one commit
    settle_from_ledger: bool = True  # takeover.takeover.settle_requests, §6: not from what the workflow recorded
    newest_of_a_step: bool = True  # engine_dbos.engine, §6: of two plans for one step the newer epoch's counts


@dataclass(frozen=True, slots=True)
class Bounds:
    """The number of events. Each start has an epoch: three are two crashes or takeovers of the orchestrator."""

    actions: int = 2
    epochs: int = 3
    executor_kills: int = 1
