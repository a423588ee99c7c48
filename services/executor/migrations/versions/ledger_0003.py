"""Operator statements on UNKNOWN orders: the manual resolution where no evidence arrives."""

import sqlalchemy as sa
from alembic import op

revision = "ledger_0003"
down_revision = "ledger_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table."""
    text = sa.Text
    op.create_table(
        "words",
        sa.Column("request_id", text, primary_key=True),
        sa.Column("symbol", text, nullable=False),
        sa.Column("client_order_id", text, nullable=False, unique=True),
        sa.Column("evidence", text, nullable=False),
        sa.Column("exchange_order_id", text, nullable=False),
        sa.Column("who", text, nullable=False),
        sa.Column("why", text, nullable=False),
        sa.Column("recorded_ms", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Not supported: an older executor refuses a newer ledger instead."""
    raise NotImplementedError("restore the ledger from before the upgrade instead")
