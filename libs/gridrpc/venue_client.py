"""Settings that every service's client of an exchange shares: spot markets only, the test network, another address.

It knows the shape of ccxt's options and nothing of ccxt itself, so the services' adapters stay the only importers.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from gridrpc.settings import ConfigError


def load_spot_only(client: Any) -> None:
    """Makes `load_markets` ask for spot markets only: the derivatives need not be reachable.

    ccxt's option `fetchMarkets` has a form of its own for each exchange: a list of types (Binance), a switch for each
    type (HTX), a method's name (Coinbase), or nothing. A form without types is left as it is.
    """
    option = client.options.get("fetchMarkets")
    types = option.get("types") if isinstance(option, Mapping) else None
    if isinstance(types, Mapping):
        client.options["fetchMarkets"] = {**option, "types": {name: name == "spot" for name in types}}
    elif isinstance(types, list | tuple):
        client.options["fetchMarkets"] = {**option, "types": ["spot"]}


def enter_sandbox(client: Any) -> None:
    """Moves the client to the exchange's test network. Raises ConfigError where ccxt does not know of one."""
    if not client.urls.get("test"):
        remedy = f"ccxt knows no test network of {client.id}; leave it out or set it to false"
        raise ConfigError("venue.sandbox", value=True, remedy=remedy)
    client.set_sandbox_mode(True)  # positional: exchanges differ in the parameter's name


def rebased(urls: Any, base_url: str) -> Any:
    """ccxt's URLs with host and scheme of another server; paths stay, and websockets stay websockets."""
    if isinstance(urls, Mapping):
        return {key: rebased(value, base_url) for key, value in urls.items()}
    if not isinstance(urls, str):
        return urls
    url, base = urlsplit(urls), urlsplit(base_url)
    scheme = base.scheme.replace("http", "ws") if url.scheme in ("ws", "wss") else base.scheme
    return urlunsplit((scheme, base.netloc, base.path.rstrip("/") + url.path, url.query, ""))
