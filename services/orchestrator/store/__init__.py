"""The Store port: keeps one symbol's state and journal under a lease.

Every implementation must pass the same tests: tests/orchestrator/test_store.py.
"""

from collections.abc import Sequence
from typing import Protocol

from gridcore.model.actions import ActionResult
from gridcore.model.events import Plan
from gridcore.model.state import State
from orchestrator.store.journal import JournalRow, Phase


class Store(Protocol):
    """One symbol's database. All calls block and raise LeaseLostError if another orchestrator has taken over."""

    @property
    def away(self) -> str:
        """Why the database is unavailable; empty while it is available. Calls wait until it is available again."""
        ...

    def ping(self) -> None:
        """Checks database and lease, without waiting for an outage to end.

        Raises LeaseLostError if another process has taken the lease.
        """
        ...

    def stop_waiting(self) -> None:
        """Makes calls raise DatabaseError during an outage, instead of waiting."""
        ...

    def take_lease(self) -> int:
        """Makes this process the symbol's only writer and returns its new epoch, durably raised.

        Raises LeaseLostError if another process holds it.
        """
        ...

    def raise_epoch(self, above: int = 0) -> int:
        """Raises the epoch durably, above the current one and `above`, and returns it. The lease stays held."""
        ...

    def load_state(self) -> State | None:
        """Returns the last committed state, None before the first. Raises UnfinishableError if it cannot be parsed."""
        ...

    def save_state(self, state: State) -> None:
        """Stores a state that is not the result of a step: the first one, with seq 0, or one with the next seq.

        Raises ConflictError for any other.
        """
        ...

    def bind_ledger(self, ledger_birth_id: str) -> None:
        """Writes the ledger's birth id into the stored state; the seq does not change."""
        ...

    def commit(
        self,
        plan: Plan,
        results: Sequence[ActionResult],
        state: State,
        phases: Sequence[Phase],
        *,
        plan_text: str = "",
    ) -> JournalRow:
        """Commits state and journal row in one transaction.

        Idempotent: for a request_id in the journal its row is returned and nothing is written. Raises ConflictError if
        the plan's seq is not the stored one plus one. `plan_text`: the plan's JSON, where the caller has it.
        """
        ...

    def add_phase(self, seq: int, phase: Phase) -> None:
        """Adds a phase that ended after its row was written, like the commit itself. May be lost in a crash."""
        ...

    def find_step(self, *, seq: int = 0, request_id: str = "") -> JournalRow | None:
        """Returns the journal row of a request id or of a seq, or None."""
        ...

    def last_steps(self, limit: int) -> list[JournalRow]:
        """Returns the newest journal rows, newest first."""
        ...

    def ledger_cursor(self) -> int:
        """Returns the accepted_seq up to which the ledger's requests are known to be settled."""
        ...

    def move_ledger_cursor(self, accepted_seq: int) -> None:
        """Stores the cursor for the next startup."""
        ...

    def last_look(self) -> int:
        """Returns the recorded time when prices were last watched, Unix ms; 0 if there is none."""
        ...

    def note_look(self, at_ms: int) -> None:
        """Records that time. It may be lower than the last one, because a clock may have been set back."""
        ...

    def prune(self, before_ms: int) -> int:
        """Deletes journal rows committed before, except the newest; returns how many.

        A request whose seq is not above the state's never runs again, with or without its row.
        """
        ...

    def close(self) -> None:
        """Closes the store and releases the lease."""
        ...
