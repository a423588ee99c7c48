-- The book on disk. Money is text, times are the venue's Unix milliseconds, symbols as ccxt writes them.
CREATE TABLE IF NOT EXISTS balances (
    asset    TEXT PRIMARY KEY,
    free     TEXT NOT NULL,
    locked   TEXT NOT NULL,
    at_start TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS markets (
    symbol         TEXT PRIMARY KEY,
    identity       TEXT NOT NULL,     -- of the source that the position belongs to
    events_done    INTEGER NOT NULL,
    market_time_ms INTEGER NOT NULL,
    price          TEXT NOT NULL,
    taker          TEXT NOT NULL,
    anchor         TEXT NOT NULL,
    last_order_id  INTEGER NOT NULL,
    last_trade_id  INTEGER NOT NULL,
    running        INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS orders (
    symbol          TEXT NOT NULL,
    order_id        INTEGER NOT NULL,
    client_order_id TEXT NOT NULL,
    side            TEXT NOT NULL,
    type            TEXT NOT NULL,
    time_in_force   TEXT NOT NULL,
    price           TEXT NOT NULL,
    quantity        TEXT NOT NULL,
    executed        TEXT NOT NULL,
    executed_quote  TEXT NOT NULL,
    created_ms      INTEGER NOT NULL,
    is_open         INTEGER NOT NULL,
    PRIMARY KEY (symbol, order_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS orders_by_client_id ON orders (symbol, client_order_id, order_id);
CREATE INDEX IF NOT EXISTS orders_by_time ON orders (symbol, created_ms, order_id);
CREATE INDEX IF NOT EXISTS orders_open ON orders (symbol, order_id) WHERE is_open;

CREATE TABLE IF NOT EXISTS transitions (
    symbol   TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    number   INTEGER NOT NULL,        -- from 1, in the order in which they happened
    time_ms  INTEGER NOT NULL,
    status   TEXT NOT NULL,
    cause    TEXT NOT NULL,
    PRIMARY KEY (symbol, order_id, number)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS trades (
    symbol           TEXT NOT NULL,
    trade_id         INTEGER NOT NULL,
    order_id         INTEGER NOT NULL,
    client_order_id  TEXT NOT NULL,
    side             TEXT NOT NULL,
    price            TEXT NOT NULL,
    quantity         TEXT NOT NULL,
    commission       TEXT NOT NULL,
    commission_asset TEXT NOT NULL,
    maker            INTEGER NOT NULL,
    time_ms          INTEGER NOT NULL,
    PRIMARY KEY (symbol, trade_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS trades_by_order ON trades (symbol, order_id, trade_id);
CREATE INDEX IF NOT EXISTS trades_by_time ON trades (symbol, time_ms, trade_id);
