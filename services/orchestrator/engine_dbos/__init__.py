"""Durable workflows on DBOS Transact: workflows, their database, retention."""
