"""The book on disk: one SQLite file, one transaction per command or batch of market trades, before any answer.

WAL with synchronous=NORMAL: a commit survives a crash of the process at any instruction. A power loss may lose the last
transactions but never tears one. One process owns the file.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from gridservice.config_file import ConfigError
from gridsim.account import Balance
from gridsim.orders import Order, OrderList, Trade
from gridsim.outcome import Outcome
from simex.exchange import rows
from simex.exchange.rows import MarketRow, StoredBalance, Value

_SCHEMA = Path(__file__).with_name("schema.sql")
_LAYOUT = 4  # schema.sql's user_version
_PUT_MARKET = "INSERT OR REPLACE INTO markets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_ORDER = """INSERT INTO orders VALUES
    (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '0', 0)
    ON CONFLICT (symbol, order_id) DO UPDATE
    SET executed = excluded.executed, executed_quote = excluded.executed_quote, is_open = excluded.is_open,
    trailing_ms = excluded.trailing_ms, extreme = excluded.extreme, waits = excluded.waits,
    working_ms = excluded.working_ms, reserved = excluded.reserved"""
_PUT_AHEAD = "UPDATE orders SET ahead = ? WHERE symbol = ? AND order_id = ?"
_ADD_TRANSITION = "INSERT INTO transitions VALUES (?, ?, ?, ?, ?, ?, ?)"
_ADD_LIST = "INSERT INTO order_lists VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_TRADE = "INSERT INTO trades VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_BALANCE = """INSERT INTO balances VALUES (?, ?, ?, ?, '0', '0')
    ON CONFLICT (account, asset) DO UPDATE SET free = excluded.free, locked = excluded.locked"""
_PUT_DEPOSITED = "UPDATE balances SET deposited = ? WHERE account = ? AND asset = ?"
_ORDER = """account, symbol, order_id, client_order_id, side, type, time_in_force, price, quantity, executed,
    executed_quote, self_trade, quote_quantity, strategy_id, strategy_type, stop_price, trailing_delta, trailing_ms,
    extreme, waits, working_ms, list_id, list_kind, reserved"""
_STEP = len(_ORDER.split(","))  # where in a row the transition's columns begin


class BookInUse(Exception):
    """Another process owns the book; the sentence names the file."""


class Store:
    """The open file. Methods raise sqlite3.Error if the disk fails; the transaction is then rolled back."""

    def __init__(self, path: Path) -> None:
        """Raises BookInUse if another process owns the file, ConfigError if it has another layout."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=0)
        try:
            self._open(path)
        except BaseException as error:
            self._db.close()
            if not isinstance(error, sqlite3.OperationalError) or "locked" not in str(error):
                raise
            raise BookInUse(f"{path} is in use: another simex runs on it; stop that one or set data_dir") from error

    def _open(self, path: Path) -> None:
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        layout = self._db.execute("PRAGMA user_version").fetchone()[0]
        if not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA.read_text(encoding='ascii')} COMMIT;")
        elif layout != _LAYOUT:
            remedy = f"its book has layout {layout}, this simex reads {_LAYOUT}; delete it or set another data_dir"
            raise ConfigError("simex.data_dir", str(path.parent), remedy)

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def begin(self, accounts: Mapping[str, Iterable[Balance]], markets: Iterable[MarketRow]) -> None:
        """Writes the accounts' balances and the markets that are not in the book yet."""
        known = {each.account for each in self.balances()}
        start = [
            (account, each.asset, str(each.free), str(each.locked), str(each.free))
            for account, balances in accounts.items()
            for each in balances
            if account not in known
        ]
        new = [market for market in markets if self.market(market.symbol) is None]
        with self._transaction():
            self._db.executemany("INSERT INTO balances VALUES (?, ?, ?, ?, ?, '0')", start)
            self._db.executemany(_PUT_MARKET, map(rows.of_market, new))

    def record(self, outcome: Outcome, market: MarketRow, *, forgotten: bool = False) -> None:
        """Writes an outcome and the market's position after it in one transaction.

        `forgotten`: look-ups must not show the orders that it ended.
        """
        executions = outcome.executions
        orders = {each.order.order_id: each.order for each in executions} | dict(outcome.tracked)
        balances = {(each.order.account, held.asset): held for each in executions for held in each.balances}
        changed = [(account, asset, str(now.free), str(now.locked)) for (account, asset), now in balances.items()]
        trades = [each.trade for each in executions if each.trade]
        ahead = [(str(quantity), market.symbol, order_id) for order_id, quantity in outcome.ahead.items()]
        with self._transaction():
            self._db.executemany(_PUT_ORDER, map(rows.of_order, orders.values()))
            self._db.executemany(_PUT_AHEAD, ahead)
            self._db.executemany(
                "INSERT INTO order_lists VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(rows.of_list, outcome.lists)
            )
            self._db.executemany(_ADD_TRANSITION, map(rows.of_transition, executions))
            self._db.executemany(_ADD_TRADE, map(rows.of_trade, trades))
            self._db.executemany(_PUT_BALANCE, changed)
            self._db.execute(_PUT_MARKET, rows.of_market(market))
            if forgotten:
                denied = [(each.symbol, each.order_id) for each in orders.values()]
                self._db.executemany("UPDATE orders SET forgotten = 1 WHERE symbol = ? AND order_id = ?", denied)

    def deposit(self, account: str, balance: Balance, amount: Decimal) -> StoredBalance:
        """Writes a balance after a deposit, or after a withdrawal if `amount` is below zero."""
        known = (each for each in self.balances() if (each.account, each.balance.asset) == (account, balance.asset))
        deposited = sum((each.deposited for each in known), amount)
        with self._transaction():
            self._db.execute(_PUT_BALANCE, (account, balance.asset, str(balance.free), str(balance.locked)))
            self._db.execute(_PUT_DEPOSITED, (str(deposited), account, balance.asset))
        return next(each for each in self.balances() if (each.account, each.balance.asset) == (account, balance.asset))

    def changes(self, kind: str) -> list[tuple[str, str]]:
        """Name and JSON of all run-time changes of a kind."""
        found = self._db.execute("SELECT name, value FROM changes WHERE kind = ? ORDER BY name", (kind,))
        return [(str(name), str(value)) for name, value in found]

    def put_change(self, kind: str, name: str, value: str) -> None:
        """Writes a change; replaces an earlier one of the same kind and name."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO changes VALUES (?, ?, ?)", (kind, name, value))

    def drop_change(self, kind: str, name: str) -> None:
        """Removes a change."""
        with self._transaction():
            self._db.execute("DELETE FROM changes WHERE kind = ? AND name = ?", (kind, name))

    def wipe(self) -> tuple[int, int]:
        """Deletes all orders and trades and resets balances and ids; returns how many of each there were."""
        with self._transaction():
            trades = self._db.execute("DELETE FROM trades").rowcount
            orders = self._db.execute("DELETE FROM orders").rowcount
            self._db.execute("DELETE FROM transitions")
            self._db.execute("DELETE FROM order_lists")
            self._db.execute("UPDATE balances SET free = at_start, locked = '0', deposited = '0'")
            self._db.execute("UPDATE markets SET last_order_id = 0, last_trade_id = 0")
        return orders, trades

    def balances(self) -> list[StoredBalance]:
        """All balances of all accounts with their initial values."""
        found = self._db.execute("SELECT * FROM balances ORDER BY account, asset")
        return [rows.to_balance(row) for row in found]

    def market(self, symbol: str) -> MarketRow | None:
        """The market's position, None if it is not in the book."""
        row = self._db.execute("SELECT * FROM markets WHERE symbol = ?", (symbol,)).fetchone()
        return rows.to_market(row) if row else None

    def symbols(self) -> list[str]:
        """All markets in the book."""
        return [str(row[0]) for row in self._db.execute("SELECT symbol FROM markets ORDER BY symbol")]

    def open_orders(self, symbol: str) -> list[Order]:
        """The symbol's open orders, oldest first."""
        return self._orders("symbol = ? AND is_open ORDER BY order_id", (symbol,))

    def ahead(self, symbol: str) -> dict[int, Decimal]:
        """By order id the foreign quantity that trades before the symbol's open orders; without those where it is 0."""
        found = self._db.execute(
            "SELECT order_id, ahead FROM orders WHERE symbol = ? AND is_open AND ahead != '0'", (symbol,)
        )
        return {int(order_id): Decimal(ahead) for order_id, ahead in found}

    def order(self, account: str, symbol: str, order_id: int) -> Order | None:
        """The account's order by its id."""
        where = "account = ? AND symbol = ? AND order_id = ? AND NOT forgotten"
        return next(iter(self._orders(where, (account, symbol, order_id))), None)

    def order_by_client_id(self, account: str, symbol: str, client_order_id: str) -> Order | None:
        """The account's newest order with this client id: an id may be reused after its order has ended."""
        where = "account = ? AND symbol = ? AND client_order_id = ? AND NOT forgotten ORDER BY order_id DESC LIMIT 1"
        return next(iter(self._orders(where, (account, symbol, client_order_id))), None)

    def orders_from(self, account: str, symbol: str, order_id: int, limit: int) -> list[Order]:
        """The account's orders by rising id from `order_id` on."""
        where = "account = ? AND symbol = ? AND order_id >= ? AND NOT forgotten ORDER BY order_id LIMIT ?"
        return self._orders(where, (account, symbol, order_id, limit))

    def orders_between(self, account: str, symbol: str, start_ms: int, end_ms: int, limit: int) -> list[Order]:
        """The account's orders created in the time range, inclusive, oldest first."""
        where = "account = ? AND symbol = ? AND created_ms BETWEEN ? AND ? AND NOT forgotten ORDER BY order_id LIMIT ?"
        return self._orders(where, (account, symbol, start_ms, end_ms, limit))

    def last_orders(self, account: str, symbol: str, limit: int) -> list[Order]:
        """The account's newest orders, oldest first."""
        where = "account = ? AND symbol = ? AND NOT forgotten ORDER BY order_id DESC LIMIT ?"
        return self._orders(where, (account, symbol, limit))

    def all_orders(self) -> list[Order]:
        """All orders of all accounts and symbols."""
        return self._orders("1 ORDER BY symbol, order_id", ())

    def last_list_id(self) -> int:
        """The highest order list id; 0: none."""
        return int(self._db.execute("SELECT coalesce(max(list_id), 0) FROM order_lists").fetchone()[0])

    def lists(self, account: str, from_id: int = 0) -> list[OrderList]:
        """The account's order lists from a number on, oldest first."""
        found = self._db.execute(
            "SELECT * FROM order_lists WHERE account = ? AND list_id >= ? ORDER BY list_id", (account, from_id)
        )
        return [rows.to_list(row) for row in found]

    def prevented(self, account: str, symbol: str, order_id: int) -> list[tuple[Order, Order]]:
        """Pairs of an order and another one of its account that would have traded with each other, older first."""
        found = self._db.execute(
            "SELECT DISTINCT min(order_id, against), max(order_id, against) FROM transitions"
            " WHERE symbol = ? AND against > 0 AND (order_id = ? OR against = ?) ORDER BY 1, 2",
            (symbol, order_id, order_id),
        ).fetchall()
        pairs = [(self.order(account, symbol, older), self.order(account, symbol, newer)) for older, newer in found]
        return [(older, newer) for older, newer in pairs if older is not None and newer is not None]

    def trades_from(
        self, account: str, symbol: str, trade_id: int, limit: int, order_id: int | None = None
    ) -> list[Trade]:
        """The account's trades by rising id from `trade_id` on, of one order if given."""
        where = "trade_id >= ? ORDER BY trade_id LIMIT ?"
        return self._trades(where, account, symbol, order_id, (trade_id, limit))

    def trades_between(
        self, account: str, symbol: str, start_ms: int, end_ms: int, limit: int, order_id: int | None = None
    ) -> list[Trade]:
        """The account's trades in the time range, inclusive, oldest first."""
        where = "time_ms BETWEEN ? AND ? ORDER BY trade_id LIMIT ?"
        return self._trades(where, account, symbol, order_id, (start_ms, end_ms, limit))

    def last_trades(self, account: str, symbol: str, limit: int) -> list[Trade]:
        """The account's newest trades, oldest first."""
        return self._trades("1 ORDER BY trade_id DESC LIMIT ?", account, symbol, None, (limit,))[::-1]

    def all_trades(self, symbol: str) -> list[Trade]:
        """All trades of all accounts in the symbol, oldest first; the maker's before the taker's."""
        query = "SELECT * FROM trades WHERE symbol = ? ORDER BY trade_id, order_id"
        return [rows.to_trade(row) for row in self._db.execute(query, (symbol,))]

    def _trades(
        self, where: str, account: str, symbol: str, order_id: int | None, parameters: tuple[Value, ...]
    ) -> list[Trade]:
        of_order = "order_id = ?" if order_id is not None else "? IS NULL"
        query = f"SELECT * FROM trades WHERE account = ? AND symbol = ? AND {of_order} AND {where}"  # noqa: S608  literals
        return [rows.to_trade(row) for row in self._db.execute(query, (account, symbol, order_id, *parameters))]

    def _orders(self, where: str, parameters: tuple[Value, ...]) -> list[Order]:
        """Orders by rising id, each with its transitions. One query for all, because loading them dominates startup."""
        query = f"""SELECT {_ORDER}, time_ms, status, cause, against
            FROM (SELECT * FROM orders WHERE {where}) CROSS JOIN transitions USING (symbol, order_id)
            ORDER BY symbol, order_id, number"""  # noqa: S608  `where` is a literal of this class
        found = groupby(self._db.execute(query, parameters), key=itemgetter(slice(0, _STEP)))
        return [rows.to_order(order, tuple(rows.to_transition(row[_STEP:]) for row in steps)) for order, steps in found]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
