"""Publishes the state of a service's database through `grpc.health.v1` while the service runs."""

import asyncio
from typing import Protocol

from gridrpc.server import Server

_EVERY_SECONDS = 1.0


class Watched(Protocol):
    """A database, or several that are checked as one."""

    @property
    def away(self) -> str:
        """Why the database does not answer; empty while it does."""
        ...

    def ping(self) -> None:
        """Checks the connection without waiting for it. Raises if the process must not continue."""
        ...


async def publish_database_health(server: Server, database: Watched) -> None:
    """Sets SERVING while the database answers, else NOT_SERVING. Runs until cancelled or until `ping` raises."""
    look: asyncio.Task[None] | None = None
    told: bool | None = None
    while True:
        if look is None:
            look = asyncio.create_task(asyncio.to_thread(database.ping))
        await asyncio.wait({look}, timeout=_EVERY_SECONDS)  # a check may hang with the server; health must not
        if look.done():
            await look  # also a check that ended during the sleep: its error must not get lost
            look = None
        serving = not database.away
        if serving is not told:
            await server.set_serving(serving=serving)
            told = serving
        await asyncio.sleep(_EVERY_SECONDS)
