"""The book on disk: one SQLite file, one transaction per command or batch of market trades, before any answer.

WAL with synchronous=NORMAL: what was committed survives the death of the process at any instruction; a loss of power
may cost the last moments but never tears a transaction. One process owns the file.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gridsim.account import Balance
from gridsim.exchange import Execution
from gridsim.orders import Order, Trade, Transition
from simex import rows
from simex.rows import MarketRow, StoredBalance, Value

_SCHEMA = Path(__file__).with_name("schema.sql")
_PUT_MARKET = "INSERT OR REPLACE INTO markets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_ORDER = "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_TRANSITION = "INSERT INTO transitions VALUES (?, ?, ?, ?, ?, ?)"
_ADD_TRADE = "INSERT INTO trades VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_BALANCE = """INSERT INTO balances VALUES (?1, ?2, ?3, '0')
    ON CONFLICT (asset) DO UPDATE SET free = ?2, locked = ?3"""


class BookInUse(Exception):
    """Another process owns the book; the sentence says which file."""


class Store:
    """The open file. Its methods raise sqlite3.Error where the disk refuses; a transaction is then undone whole."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=0)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA.read_text(encoding="ascii"))
        except sqlite3.OperationalError as error:
            self._db.close()
            if "locked" not in str(error):
                raise
            raise BookInUse(f"{path} is in use: another simex runs on it; stop that one or set data_dir") from error

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def begin(self, balances: Iterable[Balance], markets: Iterable[MarketRow]) -> None:
        """Writes the balances, if the book has none, and the markets that it does not know."""
        new = [market for market in markets if self.market(market.symbol) is None]
        with self._transaction():
            if not self.balances():
                start = [(each.asset, str(each.free), str(each.locked), str(each.free)) for each in balances]
                self._db.executemany("INSERT INTO balances VALUES (?, ?, ?, ?)", start)
            self._db.executemany(_PUT_MARKET, map(rows.of_market, new))

    def record(self, executions: Sequence[Execution], market: MarketRow) -> None:
        """Writes what happened, and where it left the market, in one transaction."""
        orders = {each.order.order_id: each.order for each in executions}
        balances = {each.asset: each for execution in executions for each in execution.balances}
        trades = [each.trade for each in executions if each.trade]
        with self._transaction():
            self._db.executemany(_PUT_ORDER, map(rows.of_order, orders.values()))
            self._db.executemany(_ADD_TRANSITION, map(rows.of_transition, executions))
            self._db.executemany(_ADD_TRADE, map(rows.of_trade, trades))
            changed = [(each.asset, str(each.free), str(each.locked)) for each in balances.values()]
            self._db.executemany(_PUT_BALANCE, changed)
            self._db.execute(_PUT_MARKET, rows.of_market(market))

    def balances(self) -> list[StoredBalance]:
        """Every balance with what it was at the start."""
        found = self._db.execute("SELECT asset, free, locked, at_start FROM balances ORDER BY asset")
        return [rows.to_balance(row) for row in found]

    def market(self, symbol: str) -> MarketRow | None:
        """Where the market is, None where the book does not know it."""
        row = self._db.execute("SELECT * FROM markets WHERE symbol = ?", (symbol,)).fetchone()
        return rows.to_market(row) if row else None

    def symbols(self) -> list[str]:
        """Every market that the book knows."""
        return [str(row[0]) for row in self._db.execute("SELECT symbol FROM markets ORDER BY symbol")]

    def open_orders(self, symbol: str) -> list[Order]:
        """The symbol's open orders, oldest first."""
        return self._orders("symbol = ? AND is_open ORDER BY order_id", (symbol,))

    def order(self, symbol: str, order_id: int) -> Order | None:
        """The order by its id."""
        return next(iter(self._orders("symbol = ? AND order_id = ?", (symbol, order_id))), None)

    def order_by_client_id(self, symbol: str, client_order_id: str) -> Order | None:
        """The newest order by that client id: an id may be used again once its order has ended."""
        where = "symbol = ? AND client_order_id = ? ORDER BY order_id DESC LIMIT 1"
        return next(iter(self._orders(where, (symbol, client_order_id))), None)

    def orders_from(self, symbol: str, order_id: int, limit: int) -> list[Order]:
        """Orders by rising id from `order_id` on."""
        return self._orders("symbol = ? AND order_id >= ? ORDER BY order_id LIMIT ?", (symbol, order_id, limit))

    def orders_between(self, symbol: str, start_ms: int, end_ms: int, limit: int) -> list[Order]:
        """Orders taken in the stretch of time, both ends in it, oldest first."""
        where = "symbol = ? AND created_ms BETWEEN ? AND ? ORDER BY order_id LIMIT ?"
        return self._orders(where, (symbol, start_ms, end_ms, limit))

    def last_orders(self, symbol: str, limit: int) -> list[Order]:
        """The newest orders, oldest first."""
        return self._orders("symbol = ? ORDER BY order_id DESC LIMIT ?", (symbol, limit))[::-1]

    def all_orders(self) -> list[Order]:
        """Every order of every symbol."""
        return self._orders("1 ORDER BY symbol, order_id", ())

    def trades_from(self, symbol: str, trade_id: int, limit: int, order_id: int | None = None) -> list[Trade]:
        """The account's trades by rising id from `trade_id` on, of one order if given."""
        return self._trades("trade_id >= ? ORDER BY trade_id LIMIT ?", symbol, order_id, (trade_id, limit))

    def trades_between(
        self, symbol: str, start_ms: int, end_ms: int, limit: int, order_id: int | None = None
    ) -> list[Trade]:
        """The account's trades in the stretch of time, both ends in it, oldest first."""
        where = "time_ms BETWEEN ? AND ? ORDER BY trade_id LIMIT ?"
        return self._trades(where, symbol, order_id, (start_ms, end_ms, limit))

    def last_trades(self, symbol: str, limit: int) -> list[Trade]:
        """The account's newest trades, oldest first."""
        return self._trades("1 ORDER BY trade_id DESC LIMIT ?", symbol, None, (limit,))[::-1]

    def all_trades(self, symbol: str) -> list[Trade]:
        """Every trade of the account in the symbol, oldest first."""
        return self._trades("1 ORDER BY trade_id", symbol, None, ())

    def _trades(self, where: str, symbol: str, order_id: int | None, parameters: tuple[Value, ...]) -> list[Trade]:
        of_order = "order_id = ?" if order_id is not None else "? IS NULL"
        query = f"SELECT * FROM trades WHERE symbol = ? AND {of_order} AND {where}"  # noqa: S608  literals of this class
        return [rows.to_trade(row) for row in self._db.execute(query, (symbol, order_id, *parameters))]

    def _orders(self, where: str, parameters: tuple[Value, ...]) -> list[Order]:
        query = f"SELECT * FROM orders WHERE {where}"  # noqa: S608  `where` is a literal of this class
        found = self._db.execute(query, parameters).fetchall()
        return [rows.to_order(row, self._transitions(row[0], row[1])) for row in found]

    def _transitions(self, symbol: str, order_id: int) -> tuple[Transition, ...]:
        found = self._db.execute(
            "SELECT time_ms, status, cause FROM transitions WHERE symbol = ? AND order_id = ? ORDER BY number",
            (symbol, order_id),
        )
        return tuple(rows.to_transition(row) for row in found)

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
