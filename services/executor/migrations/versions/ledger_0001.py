"""First schema of the ledger.

A migration is history: it defines its tables itself and does not import the current ones.
"""

import sqlalchemy as sa
from alembic import op

revision = "ledger_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables."""
    text, big = sa.Text, sa.BigInteger
    row_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "meta",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("birth_id", text, nullable=False),
        sa.Column("born_ms", big, nullable=False),
    )
    op.create_table(
        "fences",
        sa.Column("symbol", text, primary_key=True),
        sa.Column("epoch", big, nullable=False),
        sa.Column("state_birth_id", text, nullable=False),
        sa.Column("prefix", text, nullable=False),
        sa.Column("floor_epoch", big, nullable=False),
        sa.Column("floor_seq", big, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("accepted_seq", row_id, primary_key=True),
        sa.Column("request_id", text, nullable=False, unique=True),
        sa.Column("symbol", text, nullable=False),
        sa.Column("epoch", big, nullable=False),
        sa.Column("digest", text, nullable=False),
        sa.Column("accepted_ms", big, nullable=False),
    )
    op.create_index("requests_by_symbol", "requests", ["symbol", "accepted_seq"])
    op.create_table(
        "actions",
        sa.Column("accepted_seq", row_id, sa.ForeignKey("requests.accepted_seq", ondelete="CASCADE"), primary_key=True),
        sa.Column("action_index", sa.Integer, primary_key=True),
        sa.Column("client_order_id", text, nullable=False),
        sa.Column("payload", text, nullable=False),
        sa.Column("status", text, nullable=False),
        sa.Column("timestamp_ms", big, nullable=False),
        sa.Column("result", text, nullable=False),
    )
    op.create_index("actions_by_status", "actions", ["status"])
    op.create_table(
        "orders",
        sa.Column("client_order_id", text, primary_key=True),
        sa.Column("symbol", text, nullable=False),
        sa.Column("exchange_order_id", text, nullable=False),
        sa.Column("side", text, nullable=False),
        sa.Column("role", text, nullable=False),
        sa.Column("slot", text, nullable=False),
        sa.Column("price", text, nullable=False),
        sa.Column("quantity", text, nullable=False),
        sa.Column("executed", text, nullable=False),
        sa.Column("status", text, nullable=False),
        sa.Column("request_id", text, nullable=False),
        sa.Column("ended_ms", big, nullable=False),
    )
    op.create_index("orders_by_status", "orders", ["symbol", "status"])
    op.create_index("orders_by_exchange_id", "orders", ["symbol", "exchange_order_id"])
    op.create_table(
        "fills",
        sa.Column("symbol", text, primary_key=True),
        sa.Column("trade_id", text, primary_key=True),
        sa.Column("offset", big, nullable=False),
    )
    op.create_table(
        "updates",
        sa.Column("symbol", text, primary_key=True),
        sa.Column("offset", big, primary_key=True),
        sa.Column("client_order_id", text, nullable=False),
        sa.Column("exchange_order_id", text, nullable=False),
        sa.Column("side", text, nullable=False),
        sa.Column("venue_time_ms", big, nullable=False),
        sa.Column("recorded_ms", big, nullable=False),
        sa.Column("news", text, nullable=False),
    )
    op.create_table(
        "cursors",
        sa.Column("symbol", text, primary_key=True),
        sa.Column("after_id", text, nullable=False),
        sa.Column("since_ms", big, nullable=False),
    )


def downgrade() -> None:
    """Not supported: an older executor refuses a newer ledger instead."""
    raise NotImplementedError("restore the ledger from before the upgrade instead")
