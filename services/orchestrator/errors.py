"""Why the process stops. Each carries its exit code, and its sentence says what to do."""

from griddb.errors import DatabaseError


class StopError(Exception):
    """The orchestrator must not go on; nothing has been recorded that a later start could not read."""

    exit_code = 1


class ConfigRefusedError(StopError):
    """The config cannot be used as it is: a refused grid."""

    exit_code = 2


class AddressTakenError(StopError):
    """The address cannot be bound."""

    exit_code = 3


class SymbolRefusedError(StopError):
    """The executor does not serve the symbol now and will once the venue lists it: it is waited for."""

    exit_code = 5


class LeaseLostError(StopError):
    """Another orchestrator has the symbol, or has had it since: this one records nothing more."""

    exit_code = 4


class UnfinishableError(StopError):
    """Something on record cannot be finished or understood; going on would be a guess."""

    exit_code = 5


class StateLedgerMismatchError(UnfinishableError):
    """State and ledger are not of one time: one of them was lost, or came from a backup. The state can be rebuilt."""

    def __init__(self, sentence: str, *, ledger_lost: bool = False) -> None:
        super().__init__(sentence)
        self.ledger_lost = ledger_lost


class ConflictError(StopError):
    """A step that does not follow the stored one, and is no repetition of it either: something else wrote the store."""

    exit_code = 4


class DatabaseStopError(StopError):
    """The database cannot be gone on with; the exit code is the error's own."""

    def __init__(self, error: DatabaseError) -> None:
        super().__init__(str(error))
        self.exit_code = error.exit_code


class Abandoned(BaseException):
    """Leaves a workflow where it is, to be recovered by the next start.

    Not an Exception on purpose: DBOS records an Exception as the outcome of the step and of the workflow, and neither
    has one.
    """
