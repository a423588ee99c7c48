"""Databases as the services share them: URLs, sessions that outlive an outage, schema versions, backups.

What the tables hold is the services' business; nothing here knows a grid.
"""
