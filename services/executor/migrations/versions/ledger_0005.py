"""Request window that each action was signed with: evidence of absence depends on it, not on today's config."""

import sqlalchemy as sa
from alembic import op

revision = "ledger_0005"
down_revision = "ledger_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column. NULL: an earlier version sent the action and did not record its window."""
    op.add_column("actions", sa.Column("window_ms", sa.BigInteger, nullable=True))


def downgrade() -> None:
    """Not supported: an older executor refuses a newer ledger instead."""
    raise NotImplementedError("restore the ledger from before the upgrade instead")
