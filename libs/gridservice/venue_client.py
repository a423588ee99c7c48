"""Creates and adjusts ccxt clients, for the adapters of all services.

Covers spot markets only, test networks, other servers, and no repeated requests.
"""

import difflib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import ccxt.async_support as ccxt_rest  # noqa: TID251  # for the adapters
import ccxt.pro as ccxt_pro  # noqa: TID251  # for the adapters

from gridservice.config_file import ConfigError
from gridservice.shared_settings import Venue

_MARK = "gridwright_retrieves"
_UNREADABLE = "gridwright_unreadable"
_FEWER_REQUESTS = {"fetchCurrencies": False, "fetchMargins": False}


def new_client(venue: Venue, config: Mapping[str, Any], *, rest: bool = False) -> Any:
    """Creates ccxt's client of the exchange, at its test network or another server if the settings say so.

    `rest`: also for an exchange without websockets. Raises ConfigError if ccxt does not know the exchange, or no test
    network of it.
    """
    name, pro = venue.exchange, venue.exchange in ccxt_pro.exchanges
    known = ccxt_rest.exchanges if rest else ccxt_pro.exchanges
    if name not in known:
        alike = difflib.get_close_matches(name, known) or ["binance", "kraken"]
        remedy = f"not an exchange that {'ccxt' if rest else 'ccxt.pro'} knows; did you mean {' or '.join(alike)}?"
        raise ConfigError("venue.exchange", name, remedy)
    client = getattr(ccxt_pro if pro else ccxt_rest, name)(dict(config))
    client.number = str  # prices keep the venue's digits; with Decimal, ccxt 4.5.90 drops the fee of every trade
    client.options = {**client.options, **_FEWER_REQUESTS}
    if pro:
        _retrieve_rejections(client)
    _read_each_market(client)
    if venue.sandbox:
        _enter_sandbox(client)
    if venue.base_url:
        client.urls["api"] = rebased(client.urls["api"], venue.base_url)
    return client


def load_spot_only(client: Any) -> None:
    """Makes `load_markets` request spot markets only: the derivatives' servers need not be reachable.

    ccxt's option `fetchMarkets` differs by exchange: a list of types (Binance), a switch for each type (HTX), a
    method's name (Coinbase), or nothing. A form without types is left unchanged.
    """
    option = client.options.get("fetchMarkets")
    types = option.get("types") if isinstance(option, Mapping) else None
    if isinstance(types, Mapping):
        client.options["fetchMarkets"] = {**option, "types": {name: name == "spot" for name in types}}
    elif isinstance(types, list | tuple):
        client.options["fetchMarkets"] = {**option, "types": ["spot"]}


def _read_each_market(client: Any) -> None:
    """Leaves out markets that ccxt cannot parse: a single malformed one would otherwise fail the whole list."""
    parse_market, fetch_markets = client.parse_market, client.fetch_markets

    def parse_or_mark(raw: Any, *rest: Any) -> Any:
        try:
            return parse_market(raw, *rest)
        except Exception as error:  # noqa: BLE001  # parsers raise whatever an entry of another shape makes them
            return {_UNREADABLE: f"{type(error).__name__}: {error}", "info": raw}

    async def readable_markets(*arguments: Any, **named: Any) -> list[Any]:
        return [market for market in await fetch_markets(*arguments, **named) if _UNREADABLE not in market]

    client.parse_market, client.fetch_markets = parse_or_mark, readable_markets


def _enter_sandbox(client: Any) -> None:
    """Switches the client to the exchange's test network. Raises ConfigError if ccxt knows none."""
    if not client.urls.get("test"):
        remedy = f"ccxt knows no test network of {client.id}; leave it out or set it to false"
        raise ConfigError("venue.sandbox", value=True, remedy=remedy)
    client.set_sandbox_mode(True)  # positional: exchanges differ in the parameter's name


def rebased(urls: Any, base_url: str) -> Any:
    """ccxt's URLs with the scheme and host of another server. Paths are kept, and websocket URLs keep their kind."""
    if isinstance(urls, Mapping):
        return {key: rebased(value, base_url) for key, value in urls.items()}
    if not isinstance(urls, str):
        return urls
    url, base = urlsplit(urls), urlsplit(base_url)
    scheme = base.scheme.replace("http", "ws") if url.scheme in ("ws", "wss") else base.scheme
    return urlunsplit((scheme, base.netloc, base.path.rstrip("/") + url.path, url.query, ""))


def send_once(client: Any) -> None:
    """Disables aiohttp's automatic retry: after a broken connection it would send a DELETE twice."""
    open_session = client.open

    def open_without_repeats(*arguments: Any, **named: Any) -> None:
        open_session(*arguments, **named)
        if client.session is not None:
            client.session._retry_connection = False  # noqa: SLF001  # aiohttp has no public switch for it

    client.open = open_without_repeats
    if client.session is not None:
        client.session._retry_connection = False  # noqa: SLF001


def _retrieve_rejections(client: Any) -> None:
    """Prevents the log line "Future exception was never retrieved" at each reset of a websocket.

    ccxt rejects every future of the connection, also those that nobody awaits any more.
    """
    find_socket = client.client

    def socket(url: str) -> Any:
        found = find_socket(url)
        if not getattr(found, _MARK, False):
            found.future = found.reusableFuture = _retrieving(found.future)
            setattr(found, _MARK, True)
        return found

    client.client = socket


def _retrieving(make: Callable[[str], Any]) -> Callable[[str], Any]:
    def retrieved(message_hash: str) -> Any:
        future = make(message_hash)
        future.remove_done_callback(_retrieve)  # the same future may be requested many times
        future.add_done_callback(_retrieve)
        return future

    return retrieved


def _retrieve(future: Any) -> None:
    if not future.cancelled():
        future.exception()
