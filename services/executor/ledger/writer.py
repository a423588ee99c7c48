"""Thread that owns the ledger's connection: transactions run one after another, and asyncio never waits for a disk.

Waiting jobs share one commit, each in its own savepoint, so a burst of actions costs one flush.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from griddb.errors import DatabaseError
from gridservice.crash_point import crash_point

P = ParamSpec("P")
T = TypeVar("T")

_Job = tuple[Callable[[sa.Connection], Any], Future[Any]]
_MOST_PER_COMMIT = 64


class Transactions(Protocol):
    """Runs a function in its own transaction and returns its result once that is committed."""

    def __call__(self, work: Callable[[sa.Connection], Any], /) -> Any:
        """May run the function again after a transaction that was not committed."""
        ...


class Writer:
    """Runs functions of a connection in its thread. Their writes are durable when `run` returns.

    `failure` is set by an error that ends all writing: another executor has the ledger, or the database is unusable.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self.failure: Future[Exception] = Future()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ledger-writer", daemon=True)
        self._thread.start()

    async def run(
        self, function: Callable[Concatenate[sa.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Returns the function's result once its transaction is committed. Cancelling the caller does not undo it."""
        future: Future[T] = Future()
        self._jobs.put((lambda connection: function(connection, *args, **kwargs), future))
        return await asyncio.shield(asyncio.wrap_future(future))

    def close(self) -> None:
        """Runs the queued jobs and ends the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            last = False
            while len(batch) < _MOST_PER_COMMIT and not last:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                last = more is None
                if more is not None:
                    batch.append(more)
            self._commit(batch)
            if last:
                return

    def _commit(self, batch: list[_Job]) -> None:
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            outcomes = self._transactions(lambda connection: _attempt_all(connection, batch))
            crash_point("executor.ledger.committed")
        except BaseException as error:  # noqa: BLE001  # every waiting caller gets the error
            outcomes = [(future, None, error) for _, future in batch]
            if isinstance(error, DatabaseError) and not self.failure.done():
                self.failure.set_result(error)
        for future, value, problem in outcomes:
            if problem is None:
                future.set_result(value)
            else:
                future.set_exception(problem)


def _attempt_all(connection: sa.Connection, batch: list[_Job]) -> list[tuple[Future[Any], Any, BaseException | None]]:
    outcomes = [_attempt(connection, function, future) for function, future in batch]
    crash_point("executor.ledger.written")
    return outcomes


def _attempt(
    connection: sa.Connection, function: Callable[[sa.Connection], Any], future: Future[Any]
) -> tuple[Future[Any], Any, BaseException | None]:
    try:
        with connection.begin_nested():
            return future, function(connection), None
    except (IntegrityError, ProgrammingError, DataError) as error:
        return future, None, error
    except DBAPIError:
        raise  # the database itself is in doubt, and with it every job of the batch
    except Exception as error:  # noqa: BLE001  # the caller gets it; the other jobs of the batch are not affected
        return future, None, error
