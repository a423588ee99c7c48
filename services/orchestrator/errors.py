"""Errors that stop a symbol or the process. Each has an exit code, and its message names the remedy."""

from gridservice.errors import StopError


class ConfigRefusedError(StopError):
    """The config was rejected, for example a grid that does not fit the market rules."""

    exit_code = 2


class AddressTakenError(StopError):
    """The address cannot be bound."""

    exit_code = 3


class SymbolRefusedError(StopError):
    """The executor does not serve the symbol because the venue does not list it now. The startup is retried."""

    exit_code = 5


class UnfinishableError(StopError):
    """A recorded workflow or state cannot be finished or parsed. Continuing would be a guess."""

    exit_code = 5


class StateLedgerMismatchError(UnfinishableError):
    """State and ledger do not match: one of them was lost or restored from a backup. The state can be rebuilt."""

    def __init__(self, sentence: str, *, ledger_lost: bool = False) -> None:
        super().__init__(sentence)
        self.ledger_lost = ledger_lost


class ConflictError(StopError):
    """A step neither follows the stored state nor repeats a stored step: another program has written to the store."""

    exit_code = 4


class Abandoned(BaseException):
    """Ends a workflow's thread without an outcome, so that the next startup resumes the workflow.

    It is a BaseException because DBOS records an Exception as the outcome of the step and of the workflow.
    """
