"""Holds the last committed state in memory. Every change of the state goes through this module."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from gridcore.bookkeeping.settle import settle
from gridcore.model.actions import ActionResult
from gridcore.model.errors import CoreError
from gridcore.model.events import Plan
from gridcore.model.market_rules import MarketRules
from gridcore.model.state import State
from orchestrator.clock import now_ns
from orchestrator.errors import UnfinishableError
from orchestrator.store import Store
from orchestrator.store.journal import JournalRow, Phase

_RECENT = 50


class CommittedState:
    """One symbol's state and its store. Thread-safe: the loop, workflow threads and the startup sequence commit."""

    def __init__(self, store: Store, state: State) -> None:
        self.store = store
        self._state = state
        self._recent = deque(store.last_steps(_RECENT), maxlen=_RECENT)
        self._mutex = threading.Lock()

    @property
    def state(self) -> State:
        """The last committed state."""
        return self._state

    def last_steps(self, limit: int) -> list[JournalRow]:
        """Returns the newest journal rows from memory, newest first, at most 50."""
        return list(islice(self._recent, limit))

    def bind_ledger(self, ledger_birth_id: str) -> None:
        """Stores the birth id of the ledger that the state belongs to."""
        with self._mutex:
            self.store.bind_ledger(ledger_birth_id)
            self._state = self.store.load_state() or self._state

    def replace_state(self, state: State) -> None:
        """Stores a state that is not the result of a step. Its seq must be the next one."""
        with self._mutex:
            self.store.save_state(state)
            self._state = state

    def rebuild(self, plan: Plan, state: State) -> None:
        """Commits a rebuilt state together with the journal row of the rebuild."""
        with self._mutex:
            self._recent.appendleft(self.store.commit(plan, (), state, ()))
            self._state = state

    def is_ahead(self, epoch: int, seq: int) -> bool:
        """Whether a recorded plan may still have to be settled, by its epoch and seq.

        Both must be ahead. If `seq` is not, another orchestrator has already committed that step. If `epoch` is not,
        the plan predates a restored backup.
        """
        return seq > self._state.seq and epoch >= self._state.epoch

    def find(self, request_id: str) -> JournalRow | None:
        """Returns the journal row of a committed request, or None."""
        return self.store.find_step(request_id=request_id)

    def commit(
        self, plan: Plan, results: Sequence[ActionResult], market: MarketRules, phases: Sequence[Phase] = ()
    ) -> JournalRow:
        """Settles the plan with its results and commits state and journal row in one transaction.

        Idempotent: for a request that is already committed its row is returned. Raises UnfinishableError if the plan
        does not follow the state or the core cannot settle it, ConflictError if the store has another seq.
        """
        started_ns = now_ns()
        with self._mutex:
            repeated = self.find(plan.request_id) if plan.seq <= self._state.seq else None
            if repeated is not None:
                return repeated
            if plan.seq != self._state.seq + 1:
                raise UnfinishableError(
                    f"request {plan.request_id} is step {plan.seq}, but {plan.symbol} is at step {self._state.seq}: "
                    "its state and its workflows do not belong together; restore both from one backup"
                )
            return self._write(plan, results, market, phases, started_ns)

    def _write(
        self, plan: Plan, results: Sequence[ActionResult], market: MarketRules, phases: Sequence[Phase], started_ns: int
    ) -> JournalRow:
        try:
            state = settle(self._state, plan, results, market)
        except CoreError as error:
            raise UnfinishableError(f"step {plan.seq} of {plan.symbol} cannot be settled: {error}") from error
        row = self.store.commit(plan, results, state, phases)
        commit = Phase("commit", started_ns, now_ns() - started_ns)
        self.store.add_phase(plan.seq, commit)
        self._state = state
        self._recent.appendleft(replace(row, phases=(*row.phases, commit)))
        return row
