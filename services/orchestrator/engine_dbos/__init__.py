"""Durable steps on DBOS Transact: workflows, their database, retention."""
