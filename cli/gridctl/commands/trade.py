"""Manual orders on a simex account that bots may trade on too, through the same API.

The module knows nothing of grids. The venue assigns the client ids unless the user gives one.
"""

import hashlib
import hmac
import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from gridservice.clock import now_ms
from gridservice.config_file import ConfigError

TYPES = (
    "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
)  # fmt: skip
_SECONDS = 10.0


class TradeError(Exception):
    """The venue refused the request or was not reachable; the sentence says which."""


@dataclass(frozen=True, slots=True)
class ManualTrader:
    """Trades with a key pair on the simex at a URL."""

    url: str
    key: str = field(default="simex", repr=False)
    secret: str = field(default="simex", repr=False)

    def place(self, side: str, symbol: str, quantity: str, price: str, **more: str) -> str:
        """Places a GTC limit order, or one of the type in `more`. Returns a line about it.

        `more` are further parameters by Binance's names; empty ones are left out.
        """
        order = {"symbol": _market(symbol), "side": side.upper(), "type": "LIMIT", "quantity": quantity, "price": price}
        order |= {"newOrderRespType": "RESULT", **more}
        if order["type"].endswith("LIMIT"):
            order["timeInForce"] = "GTC"
        return _line(self._call("POST", "order", **{name: value for name, value in order.items() if value}))

    def place_oco(self, side: str, symbol: str, quantity: str, price: str, stop: str) -> Iterator[str]:
        """Places a LIMIT_MAKER at `price` and a STOP_LOSS at `stop`; a fill of one cancels the other. One line each."""
        limit, loss = ("above", "below") if side == "sell" else ("below", "above")
        wish = {
            f"{limit}Type": "LIMIT_MAKER",
            f"{limit}Price": price,
            f"{loss}Type": "STOP_LOSS",
            f"{loss}StopPrice": stop,
        }
        wish |= {"symbol": _market(symbol), "side": side.upper(), "quantity": quantity}
        return map(_line, self._call("POST", "orderList/oco", **wish)["orderReports"])

    def place_oto(self, side: str, symbol: str, quantity: str, price: str, then: str) -> Iterator[str]:
        """Places a LIMIT order, and one of the other side that becomes active once it is filled. One line each."""
        wish = {
            "symbol": _market(symbol), "workingType": "LIMIT", "workingTimeInForce": "GTC", "workingPrice": price,
            "workingSide": side.upper(), "workingQuantity": quantity, "pendingType": "LIMIT",
            "pendingTimeInForce": "GTC", "pendingPrice": then, "pendingQuantity": quantity,
            "pendingSide": "SELL" if side == "buy" else "BUY",
        }  # fmt: skip
        return map(_line, self._call("POST", "orderList/oto", **wish)["orderReports"])

    def cancel(self, order_id: int, symbol: str = "") -> str:
        """Cancels an open order and returns a line about it. Ids are per symbol, so two symbols may share one."""
        found = [order for order in self._open(symbol) if order["orderId"] == order_id]
        if len(found) != 1:
            many = f"{len(found)} orders have the id {order_id}: give --symbol too"
            raise TradeError(many if found else f"no open order has the id {order_id}: `orders` lists them")
        return _line(self._call("DELETE", "order", symbol=found[0]["symbol"], orderId=str(order_id)))

    def orders(self, symbol: str = "") -> Iterator[str]:
        """Lists all open orders of the account, a line each."""
        return (_line(order) for order in self._open(symbol))

    def balances(self) -> Iterator[str]:
        """The account's balances, free and locked in orders."""
        for each in self._call("GET", "account", omitZeroBalances="true")["balances"]:
            yield f"{each['asset']}: {each['free']} free, {each['locked']} locked"

    def _open(self, symbol: str) -> Any:
        return self._call("GET", "openOrders", **({"symbol": _market(symbol)} if symbol else {}))

    def _call(self, method: str, path: str, **params: str) -> Any:
        query = urlencode({**params, "timestamp": str(now_ms())})
        signature = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        connection = http.client.HTTPConnection(_address(self.url), timeout=_SECONDS)
        try:
            headers = {"X-MBX-APIKEY": self.key}
            connection.request(method, f"/api/v3/{path}?{query}&signature={signature}", headers=headers)
            reply = connection.getresponse()
            status, body = reply.status, json.loads(reply.read())
        except (http.client.HTTPException, ValueError):
            raise TradeError(f"{self.url} does not answer as a simex does: is it one?") from None
        except OSError as error:
            raise TradeError(f"{self.url} cannot be reached ({error}): is simex running there?") from None
        finally:
            connection.close()
        if status != 200:
            raise TradeError(f"{body.get('msg')} ({body.get('code')})")
        return body


ACTIONS: dict[str, Callable[[ManualTrader, Any], Iterator[str]]] = {
    "buy": lambda trader, to: iter([trader.place("buy", to.symbol, to.quantity, to.price, **_more(to))]),
    "sell": lambda trader, to: iter([trader.place("sell", to.symbol, to.quantity, to.price, **_more(to))]),
    "oco": lambda trader, to: trader.place_oco(to.side, to.symbol, to.quantity, to.price, to.stop),
    "oto": lambda trader, to: trader.place_oto(to.side, to.symbol, to.quantity, to.price, to.then),
    "cancel": lambda trader, to: iter([trader.cancel(to.order, to.symbol)]),
    "orders": lambda trader, to: trader.orders(to.symbol),
    "balances": lambda trader, _to: trader.balances(),
}
"""The actions by their name on the command line, with the parsed arguments. Each returns the lines to print."""


def _more(to: Any) -> dict[str, str]:
    return {"newClientOrderId": to.id, "type": to.type, "stopPrice": to.stop, "trailingDelta": to.trailing}


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.netloc:
        raise ConfigError("--url", url, 'give the URL of a simex, such as "http://127.0.0.1:8080"')
    return parts.netloc


def _market(symbol: str) -> str:
    return symbol.replace("/", "").upper()


def _line(order: Any) -> str:
    kind = "" if order["type"] == "LIMIT" else f"{order['type']} "
    stop = f" from {order['stopPrice']}" if float(order.get("stopPrice", 0)) else ""
    trailing = f" trailing by {order['trailingDelta']}" if "trailingDelta" in order else ""
    return (
        f"{order['orderId']}: {kind}{order['side'].lower()} {order['origQty']} {order['symbol']} at {order['price']}"
        f"{stop}{trailing}, "
        f"{order['status']}, {order['executedQty']} filled, client id {order['clientOrderId']}"
    )
