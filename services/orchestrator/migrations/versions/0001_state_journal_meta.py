"""The first schema: the specification's single-row state, the journal of steps, and the lease's numbers."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATE = """
CREATE TABLE IF NOT EXISTS state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    data TEXT NOT NULL,
    updated_at INTEGER NOT NULL
)
"""

TRADING_STEPS = """
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
)
"""

META = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value INTEGER NOT NULL
)
"""


def upgrade() -> None:
    """Makes the three tables."""
    for statement in (STATE, TRADING_STEPS, META):
        op.execute(statement)


def downgrade() -> None:
    """There is nothing before the first."""
    raise NotImplementedError("there is no schema before the first")
