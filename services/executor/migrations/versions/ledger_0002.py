"""Last opener of the ledger: after a lost connection an executor learns from it whether another has opened it since."""

import sqlalchemy as sa
from alembic import op

revision = "ledger_0002"
down_revision = "ledger_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    op.add_column("meta", sa.Column("holder", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Not supported: an older executor refuses a newer ledger instead."""
    raise NotImplementedError("restore the ledger from before the upgrade instead")
