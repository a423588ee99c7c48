"""Marks in the table `commits` that show whether a session's transaction was committed.

The transaction id alone does not show it: a server that has crashed reuses ids that had not reached its disk.
"""

import uuid
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from griddb.errors import CommitUnknownError

# No row and no transaction id if the transaction has written nothing.
_PUT = sa.text("""
    INSERT INTO commits (name, session, number)
    SELECT :name, :session, :number WHERE pg_current_xact_id_if_assigned() IS NOT NULL
    ON CONFLICT (name) DO UPDATE SET session = excluded.session, number = excluded.number
    RETURNING CAST(pg_current_xact_id() AS text)
""")
_NEWEST = sa.text("SELECT number FROM commits WHERE name = :name AND session = :session")


@dataclass(frozen=True, slots=True)
class CommitMark:
    """The mark that the next transaction of a session writes to `commits`."""

    name: str  # primary key of the row
    session: str = field(default_factory=lambda: uuid.uuid4().hex)
    number: int = 1

    def next(self) -> "CommitMark":
        """Returns the mark of the following transaction."""
        return replace(self, number=self.number + 1)

    def anew(self) -> "CommitMark":
        """Returns a mark with a new session id, for use after a transaction whose outcome is not known."""
        return CommitMark(self.name)

    def put(self, connection: sa.Connection) -> str | None:
        """Writes the mark and returns the transaction's id; does nothing if the transaction has written nothing."""
        row = {"name": self.name, "session": self.session, "number": self.number}
        return connection.execute(_PUT, row).scalar_one_or_none()

    def stands(self, connection: sa.Connection) -> bool:
        """Whether its transaction was committed. Raises CommitUnknownError if even the previous mark is missing."""
        row = {"name": self.name, "session": self.session}
        number = connection.execute(_NEWEST, row).scalar_one_or_none() or 0
        connection.rollback()  # a later read must see newer data
        if number not in {self.number, self.number - 1}:
            raise CommitUnknownError(
                "the connection to the database broke in a commit, and what was committed before is not there: start "
                "again, and what was in flight is settled from the ledger"
            )
        return number == self.number
