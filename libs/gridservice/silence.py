"""Shares a venue's silences between all clients at one address: after a 429, 418 or "until", none sends a request.

Each venue has one small file, named after its host, in a folder that every process of this machine uses
(`GRIDWRIGHT_SILENCE_DIR`, else `gridwright-<uid>` in the folder for temporary files). It has one line: the end in Unix
milliseconds, RATE_LIMITED or BANNED, and the writer. Of two silences the later end counts. A file is replaced as a
whole, under a lock, so a crash leaves the old one or the new one. An unreadable file counts as no silence.
"""

import contextlib
import fcntl
import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

FOLDER_VARIABLE = "GRIDWRIGHT_SILENCE_DIR"
LONGEST_MS = 3 * 24 * 3_600_000 + 60_000  # Binance's longest ban, with tolerance for its clock; a longer one is ignored
KINDS = ("RATE_LIMITED", "BANNED")

_ORDERS_CODE = re.compile(r'"code":\s*-1015')
_BANNED_UNTIL = re.compile(r"until (\d{13})")
_SILENCE_MS = 5_000  # after a 429 or 418 that does not say how long
_TOO_MANY, _BANNED = 429, 418

_log = logging.getLogger(__name__)


class SharedSilence:
    """One venue's file. If it fails, that is logged once, and each process then knows only its own silences."""

    def __init__(self, venue_url: str, writer: str, folder: Path | None = None) -> None:
        self._folder = folder or silence_folder()
        self._path = self._folder / f"{host_of(venue_url)}.silence"
        self._writer = writer
        self._seen: tuple[int, int] = (0, 0)  # the file's identity when it was read
        self._known = "RATE_LIMITED", 0
        self._said = False

    def read(self, now_ms: int) -> tuple[str, int]:
        """The kind, and the Unix time in milliseconds before which nothing may be sent; 0 if there is no silence."""
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
        """Records a silence until `until_ms`. An earlier end than the one on file changes nothing."""
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


def silence_in(
    code: int, headers: Mapping[str, str], body: str, now_ms: int, ahead_ms: int = 0
) -> tuple[str, int] | None:
    """The silence that a reply demands for the whole address, until a local time; None if it demands none.

    `ahead_ms` is how far the venue's clock, which dates its bans, is ahead of ours.

    A refusal because of the account's order count also has status 429, but restricts only new orders.
    """
    if code not in {_TOO_MANY, _BANNED} or _ORDERS_CODE.search(body):
        return None
    banned = _BANNED_UNTIL.search(body)
    seconds = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    until_ms = now_ms + (int(seconds) * 1_000 if seconds.isdecimal() else _SILENCE_MS)
    if banned is not None:
        until_ms = max(int(banned[1]) - ahead_ms, until_ms if seconds else 0)
    return ("BANNED" if code == _BANNED else "RATE_LIMITED"), until_ms


def address_of(urls: Any) -> str:
    """The address that identifies the venue of a ccxt client: that of its public requests."""
    if isinstance(urls, Mapping):
        return address_of(urls.get("public", next(iter(urls.values()), "")))
    return urls if isinstance(urls, str) else ""


def silence_folder() -> Path:
    """The folder shared by all processes of this user on this machine."""
    chosen = os.environ.get(FOLDER_VARIABLE, "")
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"gridwright-{os.getuid()}"


def host_of(venue_url: str) -> str:
    """The venue's host and port in a form usable as a file name; localhost becomes 127.0.0.1."""
    parts = urlsplit(venue_url)
    host = (parts.hostname or "").replace("localhost", "127.0.0.1")
    port = parts.port
    return quote(host if port is None else f"{host}:{port}", safe="") or "unknown"
