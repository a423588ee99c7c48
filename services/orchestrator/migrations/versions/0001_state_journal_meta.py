"""The first schema: state, journal of steps, lease epoch and ledger cursor.

SQLite has one file per symbol with the specification's single row of state. Postgres has all symbols in one schema,
with one row per slot, so that a commit writes only what changes.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQLITE = """
CREATE TABLE IF NOT EXISTS state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    data TEXT NOT NULL,
    updated_at INTEGER NOT NULL
);

CREATE TABLE trading_steps (
    seq INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    trigger_kind TEXT NOT NULL,
    plan TEXT NOT NULL,
    results TEXT NOT NULL,
    digest_before TEXT NOT NULL,
    digest_after TEXT NOT NULL,
    phases TEXT NOT NULL,
    committed_time_ms INTEGER NOT NULL
);

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value INTEGER NOT NULL
);
"""

POSTGRES = """
CREATE TABLE states (
    symbol TEXT PRIMARY KEY,
    header TEXT NOT NULL,
    seq BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE slots (
    symbol TEXT NOT NULL REFERENCES states ON DELETE CASCADE,
    key TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (symbol, key)
);

CREATE TABLE trading_steps (
    symbol TEXT NOT NULL,
    seq BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    trigger_kind TEXT NOT NULL,
    plan TEXT NOT NULL,
    results TEXT NOT NULL,
    digest_before TEXT NOT NULL,
    digest_after TEXT NOT NULL,
    phases TEXT NOT NULL,
    committed_time_ms BIGINT NOT NULL,
    PRIMARY KEY (symbol, seq),
    UNIQUE (symbol, request_id)
);

CREATE INDEX trading_steps_by_time ON trading_steps (symbol, committed_time_ms);

CREATE TABLE leases (
    symbol TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    holder TEXT NOT NULL,
    taken_time_ms BIGINT NOT NULL
);

CREATE TABLE ledger_cursors (
    symbol TEXT PRIMARY KEY,
    accepted_seq BIGINT NOT NULL
);
"""


def upgrade() -> None:
    """Creates the tables."""
    tables = POSTGRES if op.get_context().dialect.name == "postgresql" else SQLITE
    for statement in filter(str.strip, tables.split(";")):
        op.execute(statement)


def downgrade() -> None:
    """Not supported: this is the first schema."""
    raise NotImplementedError("there is no schema before the first")
