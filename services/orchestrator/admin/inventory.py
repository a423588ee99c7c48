"""Lists the orchestrator's databases for `gridwright db`, from the config, without opening them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from griddb.inventory import Database, ServiceDatabases, file_holding, schema_holding
from griddb.urls import read_database
from gridservice.config_file import Table
from gridservice.settings import read_setting
from orchestrator.config import Settings
from orchestrator.engine_dbos.database import sqlite_path
from orchestrator.engine_dbos.schema import DbosSchema
from orchestrator.storage import LOCK, LOCK_KEY
from orchestrator.store.file_names import present_path
from orchestrator.store.schema import SCHEMA

SERVICE = "orchestrator"


@dataclass(frozen=True, slots=True)
class Workflows:
    """The workflow database. `url` contains the password, `where` does not."""

    url: str
    where: str
    there: bool  # whether the tables exist


def holding(config: Table, environment: Mapping[str, str]) -> ServiceDatabases:
    """Returns the databases of state, journal and workflows. Raises ConfigError for an invalid database setting."""
    own = config.table(SERVICE)
    url = read_database(config, own, environment).url
    data_dir: Path = read_setting(Settings, "data_dir", own)
    if url is not None:
        backups = data_dir / "backups"
        state = Database("state of all symbols", url, SCHEMA, "trading_steps", backups)
        workflows = Database("workflows", url, DbosSchema(), _WORKFLOWS, backups)
        return schema_holding(SERVICE, (state, workflows), url, LOCK_KEY)
    symbols = [grid.text("symbol") for grid in config.tables("grids")]
    units = [
        Database(f"state of {symbol}", _file(present_path(data_dir, symbol)), SCHEMA, "trading_steps")
        for symbol in symbols
    ]
    units.append(Database("workflows", _file(sqlite_path(data_dir)), DbosSchema(), _WORKFLOWS))
    return file_holding(SERVICE, tuple(units), data_dir / LOCK)


def workflows(config: Table, environment: Mapping[str, str]) -> Workflows:
    """Returns the workflow database. Raises ConfigError as `holding` does."""
    (unit,) = (unit for unit in holding(config, environment).units if unit.table == _WORKFLOWS)
    url = unit.url.set(drivername=unit.url.get_backend_name()).render_as_string(hide_password=False)
    return Workflows(url, unit.where, bool(unit.status().version))


_WORKFLOWS = "workflow_status"


def _file(path: Path) -> sa.URL:
    return sa.URL.create("sqlite", database=str(path))
