"""The folder that a service keeps its files in: made where it is missing, refused in a sentence where it is no use."""

import tempfile
from pathlib import Path

from gridservice.config_file import ConfigError


def usable_folder(path: Path, field: str) -> Path:
    """The folder, in which a file can be written. Raises ConfigError, naming the setting, where none can."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        remedy = f"no file can be written there ({error.strerror}); give a folder that this user may write to"
        raise ConfigError(field, str(path), remedy) from None
