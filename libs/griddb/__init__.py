"""Database access shared by the services: URLs, sessions that survive an outage, schema versions, backups.

The services define their tables; this package knows nothing about grids.
"""
