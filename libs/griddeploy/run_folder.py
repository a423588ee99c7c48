"""A run's own folder, emptied at its start. It never removes a folder that it did not make itself."""

import shutil
from pathlib import Path

from gridservice.config_file import ConfigError

MARKER = ".made-by-gridwright"


def fresh_folder(folder: Path) -> Path:
    """The folder, empty but for our marker. Raises ConfigError where something else is there."""
    if folder.exists() and not (folder / MARKER).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            "--data-dir", str(folder), f"it holds things of yours (no {MARKER} in it); name another folder"
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text("gridwright empties this folder at the start of a run\n", encoding="utf-8")
    return folder
