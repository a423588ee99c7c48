"""Databases of the executor for `gridwright db`, from the config. Nothing is opened."""

from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from executor.config import Settings
from executor.ledger.opening import LOCK_KEY, SCHEMA, ledger_file, lock_file
from griddb.inventory import Database, ServiceDatabases, file_holding, schema_holding
from griddb.urls import read_database
from gridservice.config_file import Table
from gridservice.settings import read_setting

SERVICE = "executor"


def holding(config: Table, environment: Mapping[str, str]) -> ServiceDatabases:
    """Returns the ledger. Raises ConfigError for a database that cannot be one."""
    own = config.table(SERVICE)
    url = read_database(config, own, environment).url
    data_dir: Path = read_setting(Settings, "data_dir", own)
    if url is not None:
        return schema_holding(
            SERVICE, (Database("ledger", url, SCHEMA, "requests", data_dir / "backups"),), url, LOCK_KEY
        )
    path = ledger_file(data_dir)
    unit = Database("ledger", sa.URL.create("sqlite", database=str(path)), SCHEMA, "requests")
    return file_holding(SERVICE, (unit,), lock_file(path))
