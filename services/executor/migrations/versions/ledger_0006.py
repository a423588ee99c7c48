"""Checkpoint of each update log: the state that has applied it up to an offset, and where the log begins."""

import sqlalchemy as sa
from alembic import op

revision = "ledger_0006"
down_revision = "ledger_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the table. A log without a checkpoint is kept whole, as before."""
    op.create_table(
        "checkpoints",
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("floor_offset", sa.BigInteger, nullable=False),
        sa.Column("recorded_ms", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Not supported: an older executor refuses a newer ledger instead."""
    raise NotImplementedError("restore the ledger from before the upgrade instead")
