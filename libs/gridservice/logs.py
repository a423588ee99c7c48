"""Configures logging: one line per event on stderr, and one line on stdout once the service listens.

Each service decides what it logs. Credentials that slip into a line are removed here.
"""

import logging
import re
import sys
from datetime import UTC, datetime

# Error messages of other libraries contain signed URLs and headers.
_SECRET = re.compile(
    r"(?i)\b(signature|secret|password|passphrase|token|listenkey|api_?key|x-mbx-apikey)\b(['\"]?\s*[=:]\s*['\"]?)[^\s&,;'\"}]+"
)
# A password in a URL: postgresql://user:password@host/db
_URL_PASSWORD = re.compile(r"(://[^\s:/@]+:)[^\s@]+@")


class LineFormatter(logging.Formatter):
    """Formats `2026-11-21T20:15:00.123Z INFO pricemon feed lost: …`, with tracebacks folded into the same line."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line without secrets."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}: {self.formatException(record.exc_info)}"
        return f"{time} {record.levelname} {self._service} {without_secrets(' | '.join(text.splitlines()))}"


def without_secrets(text: str) -> str:
    """The text with values of keys, signatures, tokens and passwords replaced by `***`."""
    return _URL_PASSWORD.sub(r"\1***@", _SECRET.sub(r"\1\2***", text))


def configure_logging(service: str, level: int = logging.INFO) -> None:
    """Sends log records from `level` on to stderr, one line per event. Call it once, when the process starts."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def announce_listening(service: str, port: int, host: str = "127.0.0.1") -> None:
    """Prints to stdout that the service accepts calls: `pricemon listening 127.0.0.1:50051`."""
    sys.stdout.write(f"{service} listening {host}:{port}\n")
    sys.stdout.flush()
