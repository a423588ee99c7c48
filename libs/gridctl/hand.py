"""The user's own hand on an account that bots trade on: orders that no bot placed, through the same API.

It knows nothing of grids. Its orders carry the ids that the venue gives them, unless the user gives one.
"""

import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from gridrpc.settings import ConfigError

_SECONDS = 10.0


class HandError(Exception):
    """The venue refused, or nobody understood: the sentence says which."""


@dataclass(frozen=True, slots=True)
class Hand:
    """A key pair on the simex below a URL."""

    url: str
    key: str = field(default="simex", repr=False)
    secret: str = field(default="simex", repr=False)

    def place(self, side: str, symbol: str, quantity: str, price: str, client_id: str = "") -> str:
        """A LIMIT order that stays until it is filled or cancelled; it in one line."""
        order = {
            "symbol": _market(symbol), "side": side.upper(), "type": "LIMIT", "timeInForce": "GTC",
            "quantity": quantity, "price": price, **({"newClientOrderId": client_id} if client_id else {}),
        }  # fmt: skip
        return _line(self._call("POST", "order", **order))

    def cancel(self, order_id: int, symbol: str = "") -> str:
        """Ends an open order; it in one line. Ids are a symbol's own, so that two may have the same."""
        found = [order for order in self._open(symbol) if order["orderId"] == order_id]
        if len(found) != 1:
            many = f"{len(found)} orders have the id {order_id}: give --symbol too"
            raise HandError(many if found else f"no open order has the id {order_id}: `orders` lists them")
        return _line(self._call("DELETE", "order", symbol=found[0]["symbol"], orderId=str(order_id)))

    def orders(self, symbol: str = "") -> Iterator[str]:
        """The account's open orders, whoever placed them."""
        return (_line(order) for order in self._open(symbol))

    def balances(self) -> Iterator[str]:
        """What the account has, free and locked in orders."""
        for each in self._call("GET", "account", omitZeroBalances="true")["balances"]:
            yield f"{each['asset']}: {each['free']} free, {each['locked']} locked"

    def _open(self, symbol: str) -> Any:
        return self._call("GET", "openOrders", **({"symbol": _market(symbol)} if symbol else {}))

    def _call(self, method: str, path: str, **params: str) -> Any:
        query = urlencode({**params, "timestamp": str(time.time_ns() // 1_000_000)})
        signature = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        connection = http.client.HTTPConnection(_address(self.url), timeout=_SECONDS)
        try:
            headers = {"X-MBX-APIKEY": self.key}
            connection.request(method, f"/api/v3/{path}?{query}&signature={signature}", headers=headers)
            reply = connection.getresponse()
            status, body = reply.status, json.loads(reply.read())
        except (http.client.HTTPException, ValueError):
            raise HandError(f"{self.url} does not answer as a simex does: is it one?") from None
        except OSError as error:
            raise HandError(f"{self.url} cannot be reached ({error}): is simex running there?") from None
        finally:
            connection.close()
        if status != 200:
            raise HandError(f"{body.get('msg')} ({body.get('code')})")
        return body


DEEDS: dict[str, Callable[[Hand, Any], Iterator[str]]] = {
    "buy": lambda hand, to: iter([hand.place("buy", to.symbol, to.quantity, to.price, to.id)]),
    "sell": lambda hand, to: iter([hand.place("sell", to.symbol, to.quantity, to.price, to.id)]),
    "cancel": lambda hand, to: iter([hand.cancel(to.order, to.symbol)]),
    "orders": lambda hand, to: hand.orders(to.symbol),
    "balances": lambda hand, _to: hand.balances(),
}
"""What a hand can do, by its word; with the rest of the command line. Each gives the lines to show."""


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.netloc:
        raise ConfigError("--url", url, 'give the URL of a simex, such as "http://127.0.0.1:8080"')
    return parts.netloc


def _market(symbol: str) -> str:
    return symbol.replace("/", "").upper()


def _line(order: Any) -> str:
    return (
        f"{order['orderId']}: {order['side'].lower()} {order['origQty']} {order['symbol']} at {order['price']}, "
        f"{order['status']}, {order['executedQty']} filled, client id {order['clientOrderId']}"
    )
