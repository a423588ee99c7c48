"""Errors of a database itself. Each message names the remedy; none contains a password."""

from gridservice.errors import StopError


class DatabaseError(StopError):
    """The process cannot continue with this database."""


class UnreachableError(DatabaseError):
    """The database does not answer or rejects our connection. The requested work was not done."""

    exit_code = 6


class LeaseLostError(DatabaseError):
    """Another process holds the lease of the data, or has held it since. Nothing more is recorded."""

    exit_code = 4


class SchemaError(DatabaseError):
    """The tables have a newer schema version, or an older one that was not upgraded."""

    exit_code = 5


class DamagedError(DatabaseError):
    """The database cannot be read, or is not the one that was opened. No new one is created in its place."""

    exit_code = 5


class CommitUnknownError(DatabaseError):
    """The connection broke in a commit, and the server no longer knows its outcome. Remedy: start again."""
