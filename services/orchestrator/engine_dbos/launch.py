"""DBOS's settings, launch and shutdown. Statements about DBOS hold for version 3.4."""

import logging

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer
from sqlalchemy.exc import OperationalError

from griddb.errors import SchemaError
from gridservice.crash_point import around
from orchestrator.engine_dbos import workflows
from orchestrator.engine_dbos.database import WorkflowDatabase, read
from orchestrator.engine_dbos.retry_pauses import shorten_pauses
from orchestrator.engine_dbos.schema import DbosSchema
from orchestrator.errors import UnfinishableError

# Constant, as there is one orchestrator per database: DBOS recovers only workflows of the same executor id.
_EXECUTOR_ID = "orchestrator"


def launch(database: WorkflowDatabase) -> None:
    """Launches DBOS on the database; on Postgres its tables are in a schema of their own.

    DBOS re-enqueues the PENDING workflows of our contract at once, so the steps must be bound before. Waits during an
    outage. Raises UnfinishableError for tables of a newer version, and of an older one if they hold a workflow.
    """
    _check_tables(database)
    url = database.engine.url
    config: DBOSConfig = {
        "name": "gridwright",
        "system_database_url": url.render_as_string(hide_password=False),
        "system_database_engine": database.engine,
        "application_version": workflows.CONTRACT,
        "executor_id": _EXECUTOR_ID,
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "WARNING",
        "enable_otlp": False,
        # We use no notifications; a shutdown waits for the listener's polling interval.
        "notification_listener_polling_interval_sec": 0.1,
    }
    # DBOS adds no handler if its logger has one, so its lines are formatted as ours are.
    logging.getLogger("dbos").addHandler(logging.NullHandler())
    logging.getLogger("dbos").addFilter(_tells_no_outage)
    shorten_pauses()
    database.unbroken(lambda: _begin(config))


def _check_tables(database: WorkflowDatabase) -> None:
    schema, where, dialect = DbosSchema(), "the workflows' database", database.engine.dialect.name
    version, in_use = read(database, lambda connection: (schema.version(connection), schema.has_workflows(connection)))
    try:
        schema.refuse_newer(version, where, dialect)
        if in_use:
            schema.check(version, where, dialect)
    except SchemaError as error:
        raise UnfinishableError(str(error)) from error


def _begin(config: DBOSConfig) -> None:
    """Launches once. DBOS does not retry the statements that check its tables and its version after an outage."""
    DBOS(config=config)
    try:
        with around("orchestrator.launch"):
            DBOS.launch()
    except OperationalError:
        DBOS.destroy()  # an instance that failed to launch cannot be launched again
        raise


def shut_down() -> None:
    """Stops DBOS's threads and closes its database. Running workflows stay PENDING."""
    DBOS.destroy()


def _tells_no_outage(record: logging.LogRecord) -> bool:
    """Log filter: drops DBOS's messages about an outage. Its threads repeat them every second, the store logs one."""
    text = record.getMessage()
    outage = record.exc_info is not None and isinstance(record.exc_info[1], OperationalError)
    return not outage and "OperationalError" not in text and "Notification listener error" not in text
