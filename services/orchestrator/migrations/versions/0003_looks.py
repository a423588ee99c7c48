"""When each symbol's prices were last watched: a startup measures the downtime from it."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

POSTGRES = """
CREATE TABLE looks (
    symbol TEXT PRIMARY KEY,
    looked_ms BIGINT NOT NULL
)
"""


def upgrade() -> None:
    """Creates the table on Postgres; SQLite uses the table meta."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(POSTGRES)


def downgrade() -> None:
    """Not supported: an older orchestrator rejects a newer schema."""
    raise NotImplementedError("restore the state from before the upgrade instead")
