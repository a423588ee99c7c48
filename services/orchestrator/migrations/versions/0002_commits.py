"""Last commit of each session: shows whether a commit succeeded whose reply was lost (griddb.commit_marks)."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

POSTGRES = """
CREATE TABLE commits (
    name TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    number BIGINT NOT NULL
)
"""


def upgrade() -> None:
    """Creates the table on Postgres; SQLite does not need it."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(POSTGRES)


def downgrade() -> None:
    """Not supported: an older orchestrator rejects a newer schema."""
    raise NotImplementedError("restore the state from before the upgrade instead")
