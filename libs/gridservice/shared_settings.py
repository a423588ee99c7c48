"""Settings that more than one service reads: the bot's name, where each service is, and the venue's server."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from gridcore.model.setting import Setting
from gridservice.config_file import Table
from gridservice.settings import read_section, read_setting

PRICEMON, EXECUTOR, ORCHESTRATOR = "pricemon", "executor", "orchestrator"
DEFAULT_ADDRESSES: Mapping[str, str] = {  # in startup order
    PRICEMON: "127.0.0.1:50051",
    EXECUTOR: "127.0.0.1:50052",
    ORCHESTRATOR: "127.0.0.1:50053",
}


def host_and_port(text: str) -> str:
    """Accepts a `host:port`. Raises ValueError with the remedy."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError('give host:port, such as "127.0.0.1:50051"; port 0: any free one')
    return text


def _server_url(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError("give a URL such as http://127.0.0.1:8080")
    return text.rstrip("/")


def _bot(text: str) -> str:
    if not text or "/" in text:
        raise ValueError("give a name without a slash; it is part of every request id")
    return text


@dataclass(frozen=True, slots=True)
class TopLevel:
    """The settings above all sections."""

    bot: Annotated[
        str,
        Setting(
            "The bot's name: part of every request id, and with the symbol of every order's name on the venue. No "
            "slash. Two bots on one account need two names. Keep it for the grid's life: under another name the bot "
            "does not know its orders",
            parse=_bot,
        ),
    ] = "gridwright"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of a service, `host:port`."""

    address: Annotated[str, Setting("where it serves, and where the others look for it", parse=host_and_port)]
    listen: Annotated[
        str,
        Setting(
            'where it binds, if that is not where the others call: `"0.0.0.0:PORT"` in a container. See '
            "[addresses](#addresses)",
            parse=host_and_port,
            default="`address`",
        ),
    ] = ""
    metrics: Annotated[
        str,
        Setting(
            "`host:port` where it serves its [metrics](operations.md#metrics-for-prometheus) over HTTP",
            parse=host_and_port,
        ),
    ] = ""

    @property
    def bind(self) -> str:
        """The address to bind."""
        return self.listen or self.address


def read_addresses(service: str, own: Table) -> Addresses:
    """Reads a service's own addresses."""
    return read_section(Addresses, own, address=DEFAULT_ADDRESSES[service])


def address_of_service(service: str, config: Table) -> str:
    """Reads where another service is."""
    return str(read_setting(Addresses, "address", config.table(service), DEFAULT_ADDRESSES[service]))


@dataclass(frozen=True, slots=True)
class Venue:
    """The exchange, and the server where it is reached."""

    exchange: Annotated[
        str,
        Setting(
            'the exchange\'s id in ccxt, such as `"binance"`. Everything but Binance spot is untested; '
            "`gridwright conformance` [measures](venues.md#measuring-a-venue) another"
        ),
    ]
    base_url: Annotated[
        str,
        Setting(
            "another server in the exchange's place, such as simex: scheme and host of every URL are replaced, paths "
            "stay",
            parse=_server_url,
        ),
    ] = ""
    sandbox: Annotated[
        bool,
        Setting("the exchange's own test network. With `base_url`, the test network's addresses are moved there"),
    ] = False

    @property
    def local(self) -> bool:
        """Whether `base_url` is on this machine."""
        return is_loopback(urlsplit(self.base_url).hostname or "")


def is_loopback(host: str) -> bool:
    """Returns whether a host name is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
