"""First connection at startup: waits for a server that is starting, fails for one that rejects us."""

import re
import time

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from griddb.errors import UnreachableError
from griddb.postgres_session import first_line, open_engine
from griddb.urls import shown

_PAUSE_SECONDS = 0.5
# Waiting does not help with these. Messages in other languages are not recognised; such a server is waited for.
_HOPELESS = re.compile(r"authentication failed|no password supplied|does not exist|no pg_hba\.conf entry|not permitted")


def until_reachable(url: sa.URL, wait_seconds: float) -> None:
    """Returns once a connection succeeds. Raises UnreachableError after `wait_seconds`, or if it is rejected."""
    engine = open_engine(url, "public", "start")
    ends = time.monotonic() + wait_seconds
    try:
        while True:
            try:
                engine.connect().close()
            except OperationalError as error:
                reason = first_line(error)
                if time.monotonic() >= ends or _HOPELESS.search(reason):
                    raise UnreachableError(
                        f"database url = {shown(url)!r}: no connection ({reason}); "
                        "start the server, or correct DATABASE_URL or database.url"
                    ) from None
                time.sleep(_PAUSE_SECONDS)
            else:
                return
    finally:
        engine.dispose()
