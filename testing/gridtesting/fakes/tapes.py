"""Cuts parts out of recorded tapes, for tests that run seconds instead of days."""

import gzip
from itertools import islice
from pathlib import Path


def cut_tape(tape: Path, folder: Path, first: int, rows: int) -> Path:
    """Writes some rows of a tape, counted from 0, to a new folder under the same name, which selects its example."""
    with gzip.open(tape, "rt", encoding="ascii") as lines:
        header = [] if tape.name.endswith(".ws.gz") else [next(lines)]
        part = [*header, *islice(lines, first, first + rows)]
    folder.mkdir()
    with gzip.open(folder / tape.name, "wt", encoding="ascii") as file:
        file.writelines(part)
    return folder / tape.name
