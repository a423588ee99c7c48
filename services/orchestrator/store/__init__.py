"""Where the state is kept: the port. Each store holds one symbol, its journal with it, under a lease.

A store of another database keeps the same promises; tests/orchestrator/test_store.py states them once for all.
"""

from collections.abc import Sequence
from typing import Protocol

from gridcore.model.actions import ActionResult
from gridcore.model.events import Plan
from gridcore.model.state import State
from orchestrator.store.journal import JournalRow, Phase


class Store(Protocol):
    """One symbol's memory. All calls block; LeaseLostError where another orchestrator has taken over."""

    @property
    def away(self) -> str:
        """Why the database does not answer, empty while it does. Calls wait until it does again."""
        ...

    def ping(self) -> None:
        """Looks whether database and lease are still there, without waiting for them.

        Raises LeaseLostError where another process has taken the lease.
        """
        ...

    def stop_waiting(self) -> None:
        """From now on calls do not wait for a database that is away: they raise DatabaseStopError."""
        ...

    def take_lease(self) -> int:
        """Makes this process the symbol's only writer and returns its new epoch, durably raised.

        Raises LeaseLostError if another process holds it.
        """
        ...

    def raise_epoch(self, above: int = 0) -> int:
        """A new, higher epoch under the lease that is held, durably; higher than `above` too."""
        ...

    def load_state(self) -> State | None:
        """The last committed state, None before the first. Raises UnfinishableError where it cannot be read."""
        ...

    def save_state(self, state: State) -> None:
        """Stores a state that no step made: the first one, with seq 0, or one with the stored seq plus one.

        Raises ConflictError for any other.
        """
        ...

    def bind_ledger(self, ledger_birth_id: str) -> None:
        """Writes the ledger's birth id into the stored state, once; the seq stays."""
        ...

    def commit(self, plan: Plan, results: Sequence[ActionResult], state: State, phases: Sequence[Phase]) -> JournalRow:
        """Writes state and journal row in one transaction.

        A request_id that the journal has is a repetition: its row is returned and nothing is written. Raises
        ConflictError where the plan's seq is not the stored one plus one.
        """
        ...

    def add_phase(self, seq: int, phase: Phase) -> None:
        """Adds a phase that ended after the row was written, as a commit's own does. May be lost in a crash."""
        ...

    def find_step(self, *, seq: int = 0, request_id: str = "") -> JournalRow | None:
        """The journal's row of a seq, or of a request."""
        ...

    def last_steps(self, limit: int) -> list[JournalRow]:
        """The newest rows, newest first."""
        ...

    def ledger_cursor(self) -> int:
        """Up to which accepted_seq the ledger's requests were seen to be settled at the last start."""
        ...

    def move_ledger_cursor(self, accepted_seq: int) -> None:
        """Remembers it for the next start."""
        ...

    def last_look(self) -> int:
        """When prices were last noted to be looked at, Unix ms; 0 if never."""
        ...

    def note_look(self, at_ms: int) -> None:
        """Notes it, whatever was noted before: a clock may have been set back."""
        ...

    def prune(self, before_ms: int) -> int:
        """Removes journal rows committed before, keeps the newest, and returns how many went.

        The floor stays: a request whose seq is not above the state's never runs again, its row or not.
        """
        ...

    def close(self) -> None:
        """Gives the lease back."""
        ...
