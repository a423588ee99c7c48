"""Creates the folder of a run and empties it at startup. It never removes a folder that it did not create."""

import shutil
from pathlib import Path

from gridservice.config_file import ConfigError

MARKER = ".made-by-gridwright"


def fresh_folder(folder: Path) -> Path:
    """Returns the folder, empty except for our marker. Raises ConfigError if it contains anything else."""
    if folder.exists() and not (folder / MARKER).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            "--data-dir", str(folder), f"it holds files of yours (no {MARKER} in it); name another folder"
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text("gridwright empties this folder at the start of a run\n", encoding="utf-8")
    return folder
