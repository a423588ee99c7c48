-- Book on disk. Money is text, times are the venue's Unix milliseconds, symbols as ccxt writes them.
-- user_version identifies this layout: a file with another version is rejected.
PRAGMA user_version = 4;

CREATE TABLE balances (
    account   TEXT NOT NULL,
    asset     TEXT NOT NULL,
    free      TEXT NOT NULL,
    locked    TEXT NOT NULL,
    at_start  TEXT NOT NULL,
    deposited TEXT NOT NULL DEFAULT '0',  -- since the first start, less withdrawals
    PRIMARY KEY (account, asset)
) WITHOUT ROWID;

CREATE TABLE markets (
    symbol         TEXT PRIMARY KEY,
    identity       TEXT NOT NULL,     -- of the source to which the position belongs
    events_done    INTEGER NOT NULL,
    market_time_ms INTEGER NOT NULL,
    price          TEXT NOT NULL,
    taker          TEXT NOT NULL,
    anchor         TEXT NOT NULL,
    last_order_id  INTEGER NOT NULL,
    last_trade_id  INTEGER NOT NULL,
    running        INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE orders (
    account         TEXT NOT NULL,
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
    self_trade      TEXT NOT NULL,
    quote_quantity  TEXT NOT NULL,
    strategy_id     INTEGER NOT NULL, -- -1: none
    strategy_type   INTEGER NOT NULL, -- -1: none
    stop_price      TEXT NOT NULL,
    trailing_delta  INTEGER NOT NULL,
    trailing_ms     INTEGER NOT NULL,
    extreme         TEXT NOT NULL,    -- the best price since trailing_ms
    waits           INTEGER NOT NULL, -- not on the book yet
    working_ms      INTEGER NOT NULL, -- 0: on the book from the beginning, or never
    list_id         INTEGER NOT NULL, -- -1: none
    list_kind       TEXT NOT NULL,
    reserved        TEXT NOT NULL,    -- empty: it holds what it needs itself
    created_ms      INTEGER NOT NULL,
    is_open         INTEGER NOT NULL,
    ahead           TEXT NOT NULL DEFAULT '0',  -- the others' quantity at its price that trades before it
    forgotten       INTEGER NOT NULL DEFAULT 0, -- ended silently: look-ups answer that it never existed
    PRIMARY KEY (symbol, order_id)
) WITHOUT ROWID;
CREATE INDEX orders_by_account ON orders (account, symbol, order_id);
CREATE INDEX orders_by_client_id ON orders (account, symbol, client_order_id, order_id);
CREATE INDEX orders_by_time ON orders (account, symbol, created_ms, order_id);
CREATE INDEX orders_open ON orders (symbol, order_id) WHERE is_open;

CREATE TABLE order_lists (
    list_id    INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL,
    account    TEXT NOT NULL,
    symbol     TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    first_id   INTEGER NOT NULL,  -- of its two orders
    second_id  INTEGER NOT NULL
);
CREATE INDEX order_lists_by_account ON order_lists (account, list_id);

CREATE TABLE transitions (
    symbol   TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    number   INTEGER NOT NULL,        -- from 1, in sequence
    time_ms  INTEGER NOT NULL,
    status   TEXT NOT NULL,
    cause    TEXT NOT NULL,
    against  INTEGER NOT NULL,        -- order of its account that it would have traded with, 0: none
    PRIMARY KEY (symbol, order_id, number)
) WITHOUT ROWID;
CREATE INDEX transitions_prevented ON transitions (symbol, order_id, against) WHERE against > 0;

CREATE TABLE trades (
    account          TEXT NOT NULL,
    symbol           TEXT NOT NULL,
    trade_id         INTEGER NOT NULL,  -- where two of our orders trade with each other, both rows have it
    order_id         INTEGER NOT NULL,
    client_order_id  TEXT NOT NULL,
    side             TEXT NOT NULL,
    price            TEXT NOT NULL,
    quantity         TEXT NOT NULL,
    commission       TEXT NOT NULL,
    commission_asset TEXT NOT NULL,
    maker            INTEGER NOT NULL,
    time_ms          INTEGER NOT NULL,
    PRIMARY KEY (symbol, trade_id, order_id)
) WITHOUT ROWID;
CREATE INDEX trades_by_account ON trades (account, symbol, trade_id, order_id);
CREATE INDEX trades_by_order ON trades (symbol, order_id, trade_id);
CREATE INDEX trades_by_time ON trades (account, symbol, time_ms, trade_id);

-- Run-time changes that survive a restart: the market rules of a symbol, commissions, keys, limits.
CREATE TABLE changes (
    kind  TEXT NOT NULL,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,  -- JSON
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
