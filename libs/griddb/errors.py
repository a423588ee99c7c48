"""What can be wrong with a database as such. Each sentence says what to do; none holds a password."""


class DatabaseError(Exception):
    """The process cannot go on with this database."""

    exit_code = 1


class UnreachableError(DatabaseError):
    """It does not answer, or not to us. What was asked has not been done."""

    exit_code = 6


class SchemaError(DatabaseError):
    """Its tables are of a newer version, or of an older one and have not been upgraded."""

    exit_code = 5


class DamagedError(DatabaseError):
    """It cannot be read, or is not the one that was opened. Nothing is guessed, and nothing is begun in its place."""

    exit_code = 5


class CommitUnknownError(DatabaseError):
    """The connection broke in a commit, and the server cannot tell any more what became of it: start again."""
