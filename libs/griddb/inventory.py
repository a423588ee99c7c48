"""The databases that `gridwright db` shows and upgrades: each SQLite file or Postgres schema of a service."""

import contextlib
import fcntl
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from griddb.backup import back_up_file, back_up_schema
from griddb.errors import DatabaseError, LeaseLostError
from griddb.postgres_session import Session, first_line, open_engine
from griddb.urls import shown


class Versions(Protocol):
    """The schema versions of one kind of database, and its migrations."""

    @property
    def name(self) -> str:
        """The tables' schema on Postgres."""
        ...

    def newest(self, dialect: str, /) -> str:
        """Returns the version that this code uses."""
        ...

    def version(self, connection: sa.Connection) -> str:
        """Returns the stored version; empty if there are no tables."""
        ...

    def refuse_newer(self, version: str, where: str, dialect: str, /) -> None:
        """Raises SchemaError if this code does not know the version."""
        ...

    def upgrade_at(self, url: sa.URL) -> None:
        """Migrates to the newest version."""
        ...


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """Schema version and size. `version` is empty if there are no tables; `rows` counts those of the main table."""

    version: str
    newest: str
    rows: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Database:
    """One SQLite file (`backups` None: copies are put beside it) or one Postgres schema. `table`: its main table."""

    title: str
    url: sa.URL
    versions: Versions
    table: str
    backups: Path | None = None

    @property
    def engine(self) -> str:
        """Its name for people: "SQLite" or "Postgres"."""
        return "SQLite" if self._file else "Postgres"

    @property
    def where(self) -> str:
        """The path, or the server and the schema, without password."""
        return str(self._file) if self._file else f"{shown(self.url)} schema {self.versions.name}"

    def status(self) -> DatabaseStatus:
        """Reads version and size; changes nothing."""
        newest = self.versions.newest(self.url.get_backend_name())
        if self._file is not None and not self._file.exists():
            return DatabaseStatus("", newest)
        with self._connected() as connection:
            version = self.versions.version(connection)
            if not version:
                return DatabaseStatus("", newest)
            rows = connection.execute(sa.select(sa.func.count()).select_from(sa.table(self.table))).scalar_one()
            return DatabaseStatus(version, newest, rows, self._size(connection))

    def upgrade(self) -> Path | None:
        """Makes a backup, then migrates to the newest version; returns the backup's path, None if it was up to date.

        Raises SchemaError for a newer version, DatabaseError if a migration fails. The caller holds the service's
        lease.
        """
        found = self.status()
        self.versions.refuse_newer(found.version, self.where, self.url.get_backend_name())
        if found.version in {"", found.newest}:
            return None
        backup = self._back_up(found.version)
        try:
            self.versions.upgrade_at(self.url)
        except DBAPIError as error:
            raise DatabaseError(
                f"{self.title}: the upgrade from {found.version} to {found.newest} failed ({first_line(error)}) "
                f"and was rolled back; the backup is in {backup}"
            ) from error
        return backup

    def set_aside(self, stamp: str) -> str:
        """Renames the file or schema to a name with the stamp; returns where it is now.

        Raises LeaseLostError if the file is still in use. The caller holds the service's lease.
        """
        if self._file is not None:
            return str(_set_file_aside(self._file, stamp))
        name = f"{self.versions.name}_aside_{stamp}"
        with self._connected() as connection:
            connection.execute(sa.text(f'ALTER SCHEMA "{self.versions.name}" RENAME TO "{name}"'))
            connection.commit()
        return f"{shown(self.url)} schema {name}"

    @property
    def _file(self) -> Path | None:
        return Path(str(self.url.database)) if self.url.get_backend_name() == "sqlite" else None

    def _back_up(self, version: str) -> Path:
        if self._file is not None:
            return back_up_file(self._file)
        assert self.backups is not None
        with self._connected() as connection:
            return back_up_schema(connection, self.versions.name, version, self.backups)

    def _size(self, connection: sa.Connection) -> int:
        if self._file is not None:
            return self._file.stat().st_size
        tables = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = "
        size = connection.execute(sa.text(f"{tables}CAST(:name AS regnamespace)"), {"name": self.versions.name})
        return int(size.scalar_one())

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        schema = self.versions.name
        engine = sa.create_engine(self.url) if self._file else open_engine(self.url, schema, "db")
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


def _set_file_aside(file: Path, stamp: str) -> Path:
    """Checkpoints the -wal into the file and renames the file, so that no data stays behind."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise LeaseLostError(f"the file {file} is in use: stop what reads it first")
    aside = file.with_name(f"{file.name}.aside-{stamp}")
    file.rename(aside)
    for suffix in ("-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    return aside


@dataclass(frozen=True, slots=True)
class ServiceDatabases:
    """All databases of one service, guarded by the lease that the service holds while it runs."""

    service: str
    units: tuple[Database, ...]
    lease: Callable[[], AbstractContextManager[None]]  # raises LeaseLostError
    holder: Callable[[], str]  # describes the lease's holder; empty if it is free


def file_holding(service: str, units: tuple[Database, ...], lock: Path) -> ServiceDatabases:
    """Returns databases whose lease is a lock file."""

    @contextlib.contextmanager
    def lease() -> Iterator[None]:
        if not lock.parent.exists():
            yield  # the service has never run here
            return
        with lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise LeaseLostError(f"the {service} is running (it holds {lock}): stop it first") from None
            yield

    def holder() -> str:
        try:
            with lease():
                return ""
        except LeaseLostError:
            return "held by a running process"

    return ServiceDatabases(service, units, lease, holder)


def schema_holding(service: str, units: tuple[Database, ...], url: sa.URL, key: int) -> ServiceDatabases:
    """Returns databases whose lease is an advisory lock of their Postgres database."""

    @contextlib.contextmanager
    def lease() -> Iterator[None]:
        session = Session(url, "public", "db upgrade")
        try:
            session.hold(key, lambda: LeaseLostError(f"the {service} is running on {shown(url)}: stop it first"))
            yield
        finally:
            session.close()

    def holder() -> str:
        engine = open_engine(url, "public", "db status")
        try:
            with engine.connect() as connection:
                row = connection.execute(_HOLDER, {"high": key >> 32 & 0xFFFF_FFFF, "low": key & 0xFFFF_FFFF}).first()
        finally:
            engine.dispose()
        return "" if row is None else f"held by {row.application_name} (server process {row.pid})"

    return ServiceDatabases(service, units, lease, holder)


_HOLDER = sa.text("""
    SELECT activity.application_name, activity.pid
    FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
    WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND CAST(held.classid AS bigint) = :high AND CAST(held.objid AS bigint) = :low
""")
