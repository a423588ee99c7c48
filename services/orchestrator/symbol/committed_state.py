"""Holds one symbol's committed state and epoch in memory. It is the only way to the symbol's state and store."""

import threading
import uuid
from collections import deque
from dataclasses import replace
from itertools import islice

from gridcore.bookkeeping.settle import settle
from gridcore.model.config import GridConfig
from gridcore.model.errors import CoreError
from gridcore.model.events import Plan
from gridcore.model.market_rules import MarketRules
from gridcore.model.state import State
from gridservice.clock import now_ns
from orchestrator.errors import UnfinishableError
from orchestrator.store import Store
from orchestrator.store.journal import JournalRow, Phase
from orchestrator.symbol.running_step import RunningStep

_RECENT = 50


class CommittedState:
    """One symbol's state and its store. Thread-safe: the loop, workflow threads and the startup sequence commit."""

    def __init__(self, store: Store, state: State, epoch: int) -> None:
        self._store = store
        self._state = state
        self._epoch = epoch
        self._recent = deque(store.last_steps(_RECENT), maxlen=_RECENT)
        self._mutex = threading.Lock()

    @staticmethod
    def open(grid: GridConfig, store: Store) -> "CommittedState":
        """Takes the lease and loads the state, or creates it. Raises LeaseLostError, UnfinishableError."""
        epoch = store.take_lease()
        state = store.load_state()
        if state is None:
            state = State(grid.symbol, uuid.uuid4().hex, grid.geometry, epoch=epoch, last_update_time=now_ns())
            store.save_state(state)
        return CommittedState(store, state, epoch)

    @property
    def state(self) -> State:
        """The last committed state."""
        return self._state

    @property
    def epoch(self) -> int:
        """The epoch that the next plan is sent under. The state's is that of the last committed plan."""
        return self._epoch

    def raise_epoch(self, above: int = 0) -> int:
        """Raises the epoch durably, above the current one and `above`, and returns it."""
        self._epoch = self._store.raise_epoch(above)
        return self._epoch

    @property
    def away(self) -> str:
        """Why the database is unavailable; empty while it is available."""
        return self._store.away

    def stored(self) -> State | None:
        """Reads the stored state. It is another one than `state` after another orchestrator has taken over."""
        return self._store.load_state()

    def last_steps(self, limit: int) -> list[JournalRow]:
        """Returns the newest journal rows from memory, newest first, at most 50."""
        return list(islice(self._recent, limit))

    def bind_ledger(self, ledger_birth_id: str) -> None:
        """Stores the birth id of the ledger that the state belongs to."""
        with self._mutex:
            self._store.bind_ledger(ledger_birth_id)
            self._state = self._store.load_state() or self._state

    def replace_state(self, state: State) -> None:
        """Stores a state that is not the result of a step. Its seq must be the next one."""
        with self._mutex:
            self._store.save_state(state)
            self._state = state

    def rebuild(self, plan: Plan, state: State) -> None:
        """Commits a rebuilt state together with the journal row of the rebuild."""
        with self._mutex:
            self._recent.appendleft(self._store.commit(plan, (), state, ()))
            self._state = state

    def is_ahead(self, epoch: int, seq: int) -> bool:
        """Whether a recorded plan may still have to be settled, by its epoch and seq.

        Both must be ahead. If `seq` is not, another orchestrator has already committed that step. If `epoch` is not,
        the plan predates a restored backup.
        """
        return seq > self._state.seq and epoch >= self._state.epoch

    def find(self, request_id: str = "", *, seq: int = 0) -> JournalRow | None:
        """Returns the journal row of a committed request, or of a seq; None if there is none."""
        return self._store.find_step(seq=seq, request_id=request_id)

    def ledger_cursor(self) -> int:
        """Returns the accepted_seq up to which the ledger's requests are known to be settled."""
        return self._store.ledger_cursor()

    def move_ledger_cursor(self, accepted_seq: int) -> None:
        """Stores the cursor for the next startup."""
        self._store.move_ledger_cursor(accepted_seq)

    def last_look(self) -> int:
        """Returns the recorded time when prices were last watched, Unix ms; 0 if there is none."""
        return self._store.last_look()

    def note_look(self, at_ms: int) -> None:
        """Records that time."""
        self._store.note_look(at_ms)

    def prune(self, before_ms: int) -> int:
        """Deletes journal rows committed before, except the newest; returns how many."""
        return self._store.prune(before_ms)

    def commit(self, step: RunningStep, market: MarketRules) -> JournalRow:
        """Settles the step's plan with its results and commits state and journal row in one transaction.

        Idempotent: for a request that is already committed its row is returned. Raises UnfinishableError if the plan
        does not follow the state or the core cannot settle it, ConflictError if the store has another seq.
        """
        started_ns, plan = now_ns(), step.plan
        with self._mutex:
            repeated = self.find(plan.request_id) if plan.seq <= self._state.seq else None
            if repeated is not None:
                return repeated
            if plan.seq != self._state.seq + 1:
                raise UnfinishableError(
                    f"request {plan.request_id} is step {plan.seq}, but {plan.symbol} is at step {self._state.seq}: "
                    "its state and its workflows do not belong together; restore both from one backup"
                )
            return self._write(step, market, started_ns)

    def _write(self, step: RunningStep, market: MarketRules, started_ns: int) -> JournalRow:
        plan, results = step.plan, step.results or ()
        try:
            state = settle(self._state, plan, results, market)
        except CoreError as error:
            raise UnfinishableError(f"step {plan.seq} of {plan.symbol} cannot be settled: {error}") from error
        row = self._store.commit(plan, results, state, step.timer.phases, plan_text=step.text)
        commit = Phase("commit", started_ns, now_ns() - started_ns)
        self._store.add_phase(plan.seq, commit)
        self._state = state
        self._recent.appendleft(replace(row, phases=(*row.phases, commit), plan_text=""))
        return row
