"""The state in memory, which is what the last commit wrote, and the one way to change it."""

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
    """One symbol's state over its store. Commits may come from the loop, a workflow's thread or the start path."""

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
        """The newest rows, newest first, at most a few dozen: what a view shows, without asking the store."""
        return list(islice(self._recent, limit))

    def bind_ledger(self, ledger_birth_id: str) -> None:
        """Makes the state remember the ledger that it belongs to."""
        with self._mutex:
            self.store.bind_ledger(ledger_birth_id)
            self._state = self.store.load_state() or self._state

    def replace_state(self, state: State) -> None:
        """Stores a state that no step made, with the next seq."""
        with self._mutex:
            self.store.save_state(state)
            self._state = state

    def rebuild(self, plan: Plan, state: State) -> None:
        """Writes a state that was rebuilt, and the step that tells of it."""
        with self._mutex:
            self._recent.appendleft(self.store.commit(plan, (), state, ()))
            self._state = state

    def is_ahead(self, epoch: int, seq: int) -> bool:
        """Whether a step on record is still to be settled, as far as its numbers tell.

        Both count. A step that is taken is not made again under a newer epoch: its plan was recorded by one that slept
        while another took over and settled the step. And what an older epoch planned is of a time that was lost.
        """
        return seq > self._state.seq and epoch >= self._state.epoch

    def find(self, request_id: str) -> JournalRow | None:
        """The journal's row of a request that has been committed."""
        return self.store.find_step(request_id=request_id)

    def commit(
        self, plan: Plan, results: Sequence[ActionResult], market: MarketRules, phases: Sequence[Phase] = ()
    ) -> JournalRow:
        """Settles the plan with its results and writes state and journal together.

        A request that has been committed before is a repetition: its row is returned. Raises UnfinishableError for a
        plan that does not follow the state or that the core cannot settle, ConflictError where the store has moved on.
        """
        started_ns = now_ns()
        with self._mutex:
            repeated = self.find(plan.request_id) if plan.seq <= self._state.seq else None
            if repeated is not None:
                return repeated
            if plan.seq != self._state.seq + 1:
                raise UnfinishableError(
                    f"request {plan.request_id} is step {plan.seq}, but {plan.symbol} is at step {self._state.seq}: "
                    "its state and its workflows are not of one time; restore both from one backup"
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
