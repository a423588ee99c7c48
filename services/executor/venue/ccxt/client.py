"""Creates the ccxt client: keys, decimals and addresses. ccxt's own throttling and retries are switched off."""

from typing import Any
from urllib.parse import urlsplit

import ccxt.pro  # noqa: TID251  # one of the adapter's modules

from executor.venue.ccxt.tolerant_parsing import tolerate
from executor.venue.settings import VenueSettings
from gridservice.venue_client import load_spot_only, new_client, send_once

_BINANCE_ARRAYS = ("/openOrders", "/allOrders", "/myTrades")


def make_client(settings: VenueSettings) -> Any:
    """Creates the exchange's ccxt.pro client, which is also its REST client.

    Raises ConfigError as `new_client` does.
    """
    client = new_client(
        settings,
        {
            "apiKey": settings.credentials.api_key,
            "secret": settings.credentials.secret,
            "timeout": settings.request_timeout_ms,
            "enableRateLimit": False,  # it would wait between the ledger's commit and the signature
            "options": {
                "defaultType": "spot",
                "recvWindow": settings.recv_window_ms,
                "warnOnFetchOpenOrdersWithoutSymbol": False,
                "maxRetriesOnFailure": 0,  # it would send a create again
            },
        },
    )
    load_spot_only(client)
    send_once(client)
    _distrust_replies(client)
    tolerate(client)
    return client


def _distrust_replies(client: Any) -> None:
    """Makes the client reject replies that prove nothing.

    A 5xx reply says nothing about the order, even if its body looks like a refusal that ccxt would parse. ccxt would
    turn a 2xx reply that is not JSON into an empty list of trades or a time of None, and `{}` into an empty list.
    """
    parse = client.handle_errors

    def handle_errors(
        code: int, reason: str, url: str, method: str, headers: Any, body: str, reply: Any, *rest: Any
    ) -> Any:
        if code >= 500:
            raise ccxt.ExchangeNotAvailable(f"{client.id} {method} {code} {reason} {body}")
        if code < 300 and not isinstance(reply, dict | list):
            raise ccxt.BadResponse(f"{client.id} {method} {code} {body[:100]!r} is no JSON")
        if code < 300 and method == "GET" and _answers_nothing(client.id, urlsplit(url).path, reply):
            raise ccxt.BadResponse(f"{client.id} {method} {code} {body[:100]!r} does not answer the question")
        return parse(code, reason, url, method, headers, body, reply, *rest)

    client.handle_errors = handle_errors


def _answers_nothing(exchange: str, path: str, reply: Any) -> bool:
    """Returns whether a reply is no answer: an empty object, or an object where Binance returns an array."""
    if exchange.startswith("binance") and path.endswith(_BINANCE_ARRAYS):
        return not isinstance(reply, list)
    return reply == {} and not path.endswith("/ping")
