"""Starts, supervises and audits the services of one config file."""
