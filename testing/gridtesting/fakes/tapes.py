"""Parts of recorded tapes, for tests that have seconds where the tape has days."""

import gzip
from itertools import islice
from pathlib import Path


def cut_tape(tape: Path, folder: Path, first: int, rows: int) -> Path:
    """Some rows of a tape, counted from 0, in a new folder and under its own name, by which its example is found."""
    with gzip.open(tape, "rt", encoding="ascii") as lines:
        header = [] if tape.name.endswith(".ws.gz") else [next(lines)]
        part = [*header, *islice(lines, first, first + rows)]
    folder.mkdir()
    with gzip.open(folder / tape.name, "wt", encoding="ascii") as file:
        file.writelines(part)
    return folder / tape.name
