"""Creates a service's data folder if it is missing, and rejects an unusable one with a sentence."""

import tempfile
from pathlib import Path

from gridservice.config_file import ConfigError


def usable_folder(path: Path, field: str) -> Path:
    """Returns the folder after checking that a file can be written there. Raises ConfigError naming the setting."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        remedy = f"no file can be written there ({error.strerror}); give a folder that this user may write to"
        raise ConfigError(field, str(path), remedy) from None
