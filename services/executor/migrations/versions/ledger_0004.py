"""Last commit of each session: shows whether a commit succeeded whose reply was lost (griddb.commit_marks)."""

from alembic import op

revision = "ledger_0004"
down_revision = "ledger_0003"
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
    """Creates the table on a server; a file does not need it."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(POSTGRES)


def downgrade() -> None:
    """Not supported: an older executor refuses a newer ledger instead."""
    raise NotImplementedError("restore the ledger from before the upgrade instead")
