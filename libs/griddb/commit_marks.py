"""What each transaction of a session leaves in the table `commits` of its schema: whether it was committed, it tells.

Its id does not: a server that has crashed gives the ids of what had not reached its disk to others.
"""

import uuid
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from griddb.errors import CommitUnknownError

# No row, and no transaction id, where the transaction has written nothing.
_PUT = sa.text("""
    INSERT INTO commits (name, session, number)
    SELECT :name, :session, :number WHERE pg_current_xact_id_if_assigned() IS NOT NULL
    ON CONFLICT (name) DO UPDATE SET session = excluded.session, number = excluded.number
    RETURNING CAST(pg_current_xact_id() AS text)
""")
_NEWEST = sa.text("SELECT number FROM commits WHERE name = :name AND session = :session")


@dataclass(frozen=True, slots=True)
class CommitMark:
    """What the next transaction of a session leaves in `commits`."""

    name: str  # of the row
    session: str = field(default_factory=lambda: uuid.uuid4().hex)
    number: int = 1

    def next(self) -> "CommitMark":
        """Of the transaction after it."""
        return replace(self, number=self.number + 1)

    def anew(self) -> "CommitMark":
        """Of a transaction after one of which nothing is known."""
        return CommitMark(self.name)

    def put(self, connection: sa.Connection) -> str | None:
        """Leaves it where the transaction has written something; the transaction's id then."""
        row = {"name": self.name, "session": self.session, "number": self.number}
        return connection.execute(_PUT, row).scalar_one_or_none()

    def stands(self, connection: sa.Connection) -> bool:
        """Whether its transaction was committed. Raises CommitUnknownError where not even the one before is there."""
        row = {"name": self.name, "session": self.session}
        number = connection.execute(_NEWEST, row).scalar_one_or_none() or 0
        connection.rollback()  # what is read next may be newer
        if number not in {self.number, self.number - 1}:
            raise CommitUnknownError(
                "the connection to the database broke in a commit, and what was committed before is not there: start "
                "again, and what was in flight is settled from the ledger"
            )
        return number == self.number
