"""Inventory of the executor's databases for the database commands."""
