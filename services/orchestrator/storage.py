"""Opens the stores of all symbols and the workflow engine, on SQLite or Postgres, under one deployment-wide lock."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from griddb.errors import LeaseLostError
from griddb.postgres_session import Session, lock_key
from gridservice.crash_point import around
from gridservice.errors import StopError
from orchestrator.engine import WorkflowEngine
from orchestrator.store import Store
from orchestrator.store.file_lock import FileLock
from orchestrator.store.file_names import adopt_name, state_path
from orchestrator.store.postgres import PostgresStore
from orchestrator.store.postgres_schema import states
from orchestrator.store.schema import SCHEMA, prepare
from orchestrator.store.sqlite import SqliteStore
from orchestrator.takeover.abandoned_grids import StoredGrid

_log = logging.getLogger(__name__)

OpenEngine = Callable[[Path, sa.URL | None], contextlib.AbstractContextManager[WorkflowEngine]]
_Opened = tuple[dict[str, Store], Callable[[], list[StoredGrid]], Session | None]

LOCK = "orchestrator.lock"  # lock file of a data folder
LOCK_KEY = lock_key("orchestrator")  # advisory lock of a Postgres database


@dataclass(frozen=True, slots=True)
class OpenStores:
    """One store per symbol, the workflow engine and, on Postgres, the session that holds the deployment's lock."""

    by_symbol: Mapping[str, Store]
    workflows: WorkflowEngine
    others: Callable[[], list[StoredGrid]]  # stored grids of symbols that are not in the config
    session: Session | None = None

    @property
    def away(self) -> str:
        """Why a database is unavailable; empty while all are available."""
        session = "" if self.session is None else self.session.away
        stores = (store.away for store in self.by_symbol.values())
        return next((reason for reason in (session, self.workflows.away, *stores) if reason), "")

    def ping(self) -> None:
        """Checks all databases. Raises StopError if the process must not continue."""
        if self.session is not None:
            self.session.ping()
        self.workflows.ping()
        for store in self.by_symbol.values():
            store.ping()

    def stop_waiting(self) -> None:
        """Makes calls fail at once while a database is unavailable, instead of waiting."""
        if self.session is not None:
            self.session.stop_waiting()
        self.workflows.stop_waiting()
        for store in self.by_symbol.values():
            store.stop_waiting()


@contextlib.contextmanager
def open_stores(
    data_dir: Path, url: sa.URL | None, symbols: Sequence[str], open_engine: OpenEngine
) -> Iterator[OpenStores]:
    """Opens SQLite files in `data_dir`, or Postgres if a URL is given.

    Raises StopError if another process holds the data, or its schema needs an upgrade.
    """
    opening = _open_files(data_dir, symbols) if url is None else _open_database(url, symbols)
    with opening as (by_symbol, others, session), open_engine(data_dir, url) as workflows:
        yield OpenStores(by_symbol, workflows, others, session)


@contextlib.contextmanager
def _open_files(data_dir: Path, symbols: Sequence[str]) -> Iterator[_Opened]:
    data_dir.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        lock = FileLock(data_dir / LOCK)
        lock.take(f"the data in {data_dir}")  # guards workflows too: two processes would dequeue each other's
        stack.callback(lock.release)
        stores: dict[str, Store] = {}
        for symbol in symbols:
            adopt_name(data_dir, symbol)
            stores[symbol] = SqliteStore(state_path(data_dir, symbol))
            stack.callback(stores[symbol].close)
        yield stores, lambda: _other_files(data_dir, symbols), None


def _other_files(data_dir: Path, symbols: Sequence[str]) -> list[StoredGrid]:
    own = {state_path(data_dir, symbol) for symbol in symbols}
    paths = [path for path in sorted(data_dir.glob("state-*.sqlite")) if path not in own]
    return [grid for path in paths for grid in _read_other(partial(SqliteStore, path), str(path))]


def _read_other(open_store: Callable[[], SqliteStore | PostgresStore], where: str) -> list[StoredGrid]:
    """Reads the stored grid, if possible. An unreadable state of a symbol without a grid is only logged."""
    try:
        with contextlib.closing(open_store()) as store:
            state = store.load_state()
    except StopError as error:
        _log.warning("the stored state of a grid that is no longer in the config cannot be read: %s", error)
        return []
    return [] if state is None else [StoredGrid(state, where)]


@contextlib.contextmanager
def _open_database(url: sa.URL, symbols: Sequence[str]) -> Iterator[_Opened]:
    with contextlib.ExitStack() as stack:
        session = Session(url, SCHEMA.name, "orchestrator")
        stack.callback(session.close)

        def refusal() -> LeaseLostError:
            return LeaseLostError(
                f"another orchestrator holds the data in {session.shown}: stop it first, "
                "or give this one another database"
            )

        session.hold(LOCK_KEY, refusal)
        with around("orchestrator.schema"):
            session.run(lambda connection: prepare(connection, session.shown))
        stores: dict[str, Store] = {}
        for symbol in symbols:
            stores[symbol] = PostgresStore(url, symbol)
            stack.callback(stores[symbol].close)
        yield stores, lambda: _other_rows(session, url, symbols), session


def _other_rows(session: Session, url: sa.URL, symbols: Sequence[str]) -> list[StoredGrid]:
    found = session.read(lambda connection: [str(row.symbol) for row in connection.execute(sa.select(states.c.symbol))])
    return [
        grid
        for symbol in sorted(set(found) - set(symbols))
        for grid in _read_other(partial(PostgresStore, url, symbol), f"its rows in states and slots of {session.shown}")
    ]
