"""When each symbol's prices were last looked at: what a downtime is measured by."""

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
    """Creates the table on a server; a file has a place for such numbers."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(POSTGRES)


def downgrade() -> None:
    """There is no way back: an older orchestrator refuses a newer state instead."""
    raise NotImplementedError("restore the state from before the upgrade instead")
