"""Tables of the ledger. Money is text (canonical decimals), times are Unix milliseconds. Migrations create them."""

import sqlalchemy as sa

metadata = sa.MetaData()

BIGINT = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # only INTEGER is a row id in SQLite

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("birth_id", sa.Text, nullable=False),
    sa.Column("born_ms", sa.BigInteger, nullable=False),
    sa.Column("holder", sa.Text, nullable=False, server_default=""),  # a random name, new at each opening
)

fences = sa.Table(
    "fences",
    metadata,
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("state_birth_id", sa.Text, nullable=False),
    sa.Column("prefix", sa.Text, nullable=False),
    sa.Column("floor_epoch", sa.BigInteger, nullable=False),  # requests named <bot>/<symbol>/<epoch>/<seq> up to
    sa.Column("floor_seq", sa.BigInteger, nullable=False),  # this pair may have been pruned: unknown ones are refused
)

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("accepted_seq", BIGINT, primary_key=True),
    sa.Column("request_id", sa.Text, nullable=False, unique=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("accepted_ms", sa.BigInteger, nullable=False),
    sa.Index("requests_by_symbol", "symbol", "accepted_seq"),
)

actions = sa.Table(
    "actions",
    metadata,
    sa.Column("accepted_seq", BIGINT, sa.ForeignKey("requests.accepted_seq", ondelete="CASCADE"), primary_key=True),
    sa.Column("action_index", sa.Integer, primary_key=True),
    sa.Column("client_order_id", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),  # JSON of the action
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("timestamp_ms", sa.BigInteger, nullable=False),  # venue time that was signed, 0 before
    sa.Column("result", sa.Text, nullable=False),  # JSON of the result, empty before; frozen
    # The window that was signed with the timestamp; 0: never expires; NULL: before SENDING, or not recorded.
    sa.Column("window_ms", sa.BigInteger, nullable=True),
    sa.Index("actions_by_status", "status"),
)

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("client_order_id", sa.Text, primary_key=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("exchange_order_id", sa.Text, nullable=False),  # empty until it is known
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("slot", sa.Text, nullable=False),
    sa.Column("price", sa.Text, nullable=False),
    sa.Column("quantity", sa.Text, nullable=False),
    sa.Column("executed", sa.Text, nullable=False),  # sum of the recorded fills
    sa.Column("status", sa.Text, nullable=False),  # an OrderStatus, or INTENT before it is sent
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("ended_ms", sa.BigInteger, nullable=False),  # when its end was recorded, 0 before
    sa.Index("orders_by_status", "symbol", "status"),
    sa.Index("orders_by_exchange_id", "symbol", "exchange_order_id"),
)

fills = sa.Table(
    "fills",
    metadata,
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("trade_id", sa.Text, primary_key=True),
    sa.Column("offset", sa.BigInteger, nullable=False),
)

updates = sa.Table(
    "updates",
    metadata,
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True),
    sa.Column("client_order_id", sa.Text, nullable=False),
    sa.Column("exchange_order_id", sa.Text, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("venue_time_ms", sa.BigInteger, nullable=False),
    sa.Column("recorded_ms", sa.BigInteger, nullable=False),
    sa.Column("news", sa.Text, nullable=False),  # JSON of a fill or a status
)

checkpoints = sa.Table(  # one per symbol whose orchestrator has acknowledged its log
    "checkpoints",
    metadata,
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("offset", sa.BigInteger, nullable=False),  # up to which the state has applied the log
    sa.Column("epoch", sa.BigInteger, nullable=False),  # of the state's last step,
    sa.Column("seq", sa.BigInteger, nullable=False),  # with this
    sa.Column("state", sa.Text, nullable=False),  # JSON of the whole state
    sa.Column("floor_offset", sa.BigInteger, nullable=False),  # entries up to it have been pruned; at most `offset`
    sa.Column("recorded_ms", sa.BigInteger, nullable=False),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("after_id", sa.Text, nullable=False),
    sa.Column("since_ms", sa.BigInteger, nullable=False),
)

words = sa.Table(  # operator statements; never pruned: there are few, and an audit needs all
    "words",
    metadata,
    sa.Column("request_id", sa.Text, primary_key=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("client_order_id", sa.Text, nullable=False, unique=True),  # one statement resolves an order
    sa.Column("evidence", sa.Text, nullable=False),  # PLACED or NEVER_PLACED
    sa.Column("exchange_order_id", sa.Text, nullable=False),  # with PLACED
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("recorded_ms", sa.BigInteger, nullable=False),
)
