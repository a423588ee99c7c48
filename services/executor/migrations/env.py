"""What Alembic runs: migrations on the connection that the ledger hands over. No ini file, no offline mode."""

import logging

from alembic import context

from executor.ledger.schema import metadata

logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells each start of schemas that are as they should be
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
