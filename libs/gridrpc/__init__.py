"""Shared gRPC code of the services: servers, channels, errors with their statuses, and message conversion."""
