"""Reads from a config file the deployment as a whole: its services, their addresses and the traded symbols."""

from dataclasses import dataclass
from pathlib import Path

from griddeploy.process.child import Service
from gridservice.config_file import MISSING, ConfigError, Table, read_toml
from gridservice.settings import read_section
from gridservice.shared_settings import DEFAULT_ADDRESSES, TopLevel

SIMEX = "simex"
PRICEMON, EXECUTOR, ORCHESTRATOR = DEFAULT_ADDRESSES  # in startup order


@dataclass(frozen=True, slots=True)
class Deployment:
    """The services of one config file. Addresses are `host:port`; simex's is that of its control service."""

    config: Path
    bot: str
    symbols: tuple[str, ...]
    addresses: dict[str, str]  # by service, in startup order

    @property
    def services(self) -> tuple[Service, ...]:
        """The module, config and address of each service, as needed to start it."""
        return tuple(Service(name, name, self.config, address) for name, address in self.addresses.items())


def read_deployment(config: Path) -> Deployment:
    """Reads the file. Raises ConfigError with field, value and remedy. Each service validates its own section."""
    root = read_toml(config)
    symbols = tuple(dict.fromkeys(grid.text("symbol") for grid in root.tables("grids")))
    if not symbols:
        raise ConfigError("grids", MISSING, "add at least one [[grids]] with its symbol")
    addresses: dict[str, str] = {}
    if SIMEX in root.names():
        addresses[SIMEX] = _fixed(root.table(SIMEX), "control_address", "")
    for name, default in DEFAULT_ADDRESSES.items():
        addresses[name] = _fixed(root.table(name), "address", default)
    return Deployment(config, read_section(TopLevel, root).bot, symbols, addresses)


def _fixed(table: Table, key: str, default: str) -> str:
    """An address with a fixed port: the services find one another by it, also after a restart."""
    address = table.text(key, default)
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ConfigError(table.field(key), address, 'give host:port with a fixed port, such as "127.0.0.1:18081"')
    return address
