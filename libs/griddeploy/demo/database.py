"""Creates a new Postgres database for each demo run, on the server that DATABASE_URL names.

It never removes a database that a demo did not create.
"""

from collections.abc import MutableMapping

import psycopg
from psycopg import sql

from griddb.first_connection import until_reachable
from griddb.urls import VARIABLE, read_database, shown
from gridservice.config_file import ConfigError, Table

_MARKER = "made by gridwright demo, removed at the start of the next"
_REACH_SECONDS = 30.0


def own_database(environment: MutableMapping[str, str]) -> None:
    """Points DATABASE_URL at the demo's own empty database, for the services started later. Without it, does nothing.

    Raises ConfigError if the name is taken or the role may not create it, UnreachableError if the server is down.
    """
    given = read_database(Table({}), Table({}), environment).url
    if given is None:
        return
    until_reachable(given, _REACH_SECONDS)
    own = given.set(database=f"{given.database}_demo")
    where = given.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(where, autocommit=True) as connection:
            _make(connection, str(own.database), shown(own))
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigError(
            VARIABLE, shown(given), f"a demo makes a database of its own ({error}); give its role CREATEDB"
        ) from None
    environment.pop(f"{VARIABLE}_FILE", None)
    environment[VARIABLE] = own.set(drivername="postgresql").render_as_string(hide_password=False)


def _make(connection: "psycopg.Connection[tuple[object, ...]]", name: str, where: str) -> None:
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    found = connection.execute(query, [name]).fetchone()
    if found is not None and found[0] != _MARKER:
        raise ConfigError(VARIABLE, where, "that database is there and is no demo's; name another one")
    identifier = sql.Identifier(name)
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
    connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
    connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(identifier, sql.Literal(_MARKER)))
