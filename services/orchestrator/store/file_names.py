"""Names of the symbols' SQLite files: unique for any characters in the symbol. Renames files of earlier versions.

Earlier versions replaced every character that is no ASCII letter or digit, so that two symbols could share a file.
"""

import logging
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from griddb.errors import LeaseLostError

_log = logging.getLogger(__name__)


def state_path(data_dir: Path, symbol: str) -> Path:
    """Returns a symbol's path: `state-BTC-USDT.sqlite`. "/" becomes "-"; other signs are percent-encoded."""
    encoded = "-".join(quote(part, safe="").replace("-", "%2D") for part in symbol.split("/"))
    return data_dir / f"state-{encoded}.sqlite"


def present_path(data_dir: Path, symbol: str) -> Path:
    """Returns the current path: the older name until `adopt_name` has run."""
    path, older = state_path(data_dir, symbol), _older_path(data_dir, symbol)
    return older if not path.exists() and _symbol_in(older) == symbol else path


def adopt_name(data_dir: Path, symbol: str) -> None:
    """Renames the symbol's file from its older name. The caller holds the folder's lock.

    A crash leaves one of the two names with all data, because the WAL is checkpointed before the rename. Raises
    LeaseLostError if another process uses the file.
    """
    path, older = state_path(data_dir, symbol), present_path(data_dir, symbol)
    if older == path:
        return
    with closing(sqlite3.connect(older)) as connection:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:  # another process reads it, so rows remain in its -wal
        raise LeaseLostError(f"the file {older} is in use: stop what reads it, and start again")
    older.replace(path)
    for suffix in ("-wal", "-shm"):  # empty after the checkpoint, and not used under the new name
        Path(f"{older}{suffix}").unlink(missing_ok=True)
    _sync(data_dir)
    _log.warning("%s: its state is in %s from now on, no longer in %s", symbol, path.name, older.name)


def _older_path(data_dir: Path, symbol: str) -> Path:
    return data_dir / f"state-{re.sub('[^A-Za-z0-9]+', '-', symbol)}.sqlite"


def _symbol_in(path: Path) -> str:
    """Returns the symbol whose state the file holds; empty if there is none or it cannot be read."""
    if not path.exists():
        return ""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT json_extract(data, '$.symbol') FROM state").fetchone()
    except sqlite3.Error:
        return ""
    return str(row[0]) if row is not None and row[0] is not None else ""


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
