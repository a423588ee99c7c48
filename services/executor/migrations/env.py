"""Alembic environment: runs migrations on the connection that the ledger passes. No ini file, no offline mode."""

import logging

from alembic import context

from executor.ledger.schema import metadata

logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs at each startup even without a migration
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
