"""A venue's silences, shared by all who call it from one address: after a 429, a 418 or an "until", none of them does.

Each venue has one small file, named by its host, in a folder that every process of this machine uses
(`GRIDWRIGHT_SILENCE_DIR`, else `gridwright-<uid>` in the folder for temporary files). One line: until when, in Unix
milliseconds, RATE_LIMITED or BANNED, and who wrote it. Of two silences the later end counts. A file is replaced as a
whole, under a lock, so a crash leaves the old one or the new one; one that cannot be read is no silence.
"""

import contextlib
import fcntl
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

FOLDER_VARIABLE = "GRIDWRIGHT_SILENCE_DIR"
LONGEST_MS = 3 * 24 * 3_600_000 + 60_000  # Binance's longest ban, with room for its clock: what is longer is no silence
KINDS = ("RATE_LIMITED", "BANNED")

_log = logging.getLogger(__name__)


class SharedSilence:
    """One venue's file. What goes wrong with it is logged once, and then each process keeps its own silences only."""

    def __init__(self, venue_url: str, writer: str, folder: Path | None = None) -> None:
        self._folder = folder or silence_folder()
        self._path = self._folder / f"{host_of(venue_url)}.silence"
        self._writer = writer
        self._seen: tuple[int, int] = (0, 0)  # the file's identity as it was read
        self._known = "RATE_LIMITED", 0
        self._said = False

    def read(self, now_ms: int) -> tuple[str, int]:
        """The kind, and the Unix time in milliseconds before which nothing may be sent; 0 where there is none."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return "RATE_LIMITED", 0
        except OSError as error:
            self._say(error)
            return "RATE_LIMITED", 0
        if (status.st_mtime_ns, status.st_ino) != self._seen:
            self._seen = status.st_mtime_ns, status.st_ino
            self._known = self._content(now_ms)
        return self._known

    def extend(self, kind: str, until_ms: int, now_ms: int) -> None:
        """The venue wants silence until then. An earlier end than the one on file changes nothing."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked():
                known_kind, known_ms = self._content(now_ms)
                if known_ms < until_ms or (known_ms == until_ms and known_kind != kind == "BANNED"):
                    self._replace(f"{until_ms} {kind} {self._writer}\n")
        except OSError as error:
            self._say(error)

    def _content(self, now_ms: int) -> tuple[str, int]:
        try:
            words = self._path.read_text(encoding="utf-8").split()
            until_ms, kind = int(words[0]), words[1]
        except (OSError, ValueError, IndexError):
            return "RATE_LIMITED", 0
        sound = kind in KINDS and until_ms <= now_ms + LONGEST_MS
        return (kind, until_ms) if sound else ("RATE_LIMITED", 0)

    def _replace(self, line: str) -> None:
        number, name = tempfile.mkstemp(dir=self._folder, prefix=".silence-")
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(line)
            Path(name).replace(self._path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / f"{self._path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _say(self, error: OSError) -> None:
        if not self._said:
            self._said = True
            _log.warning("silences of the venue are not shared with other processes: %s (%s)", self._path, error)


def silence_folder() -> Path:
    """The folder of all processes of this user on this machine."""
    chosen = os.environ.get(FOLDER_VARIABLE, "")
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"gridwright-{os.getuid()}"


def host_of(venue_url: str) -> str:
    """The venue's host and port as a file may be named; localhost is one of the names of 127.0.0.1."""
    parts = urlsplit(venue_url)
    host = (parts.hostname or "").replace("localhost", "127.0.0.1")
    port = parts.port
    return quote(host if port is None else f"{host}:{port}", safe="") or "unknown"
