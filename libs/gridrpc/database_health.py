"""What `grpc.health.v1` tells of a service's database while the service runs."""

import asyncio
from typing import Protocol

from gridrpc.server import Server

_EVERY_SECONDS = 1.0


class Watched(Protocol):
    """A database, or several as one."""

    @property
    def away(self) -> str:
        """Why it does not answer; empty while it does."""
        ...

    def ping(self) -> None:
        """Looks whether it is there, without waiting for it. Raises where the process must not go on."""
        ...


async def publish_database_health(server: Server, database: Watched) -> None:
    """SERVING while the database answers, NOT_SERVING while it does not, until it is cancelled or `ping` raises."""
    look: asyncio.Task[None] | None = None
    told: bool | None = None
    while True:
        if look is None:
            look = asyncio.create_task(asyncio.to_thread(database.ping))
        await asyncio.wait({look}, timeout=_EVERY_SECONDS)  # a look may hang with the server: health does not
        if look.done():
            await look  # also one that ended while we slept: what it raises must not get lost
            look = None
        serving = not database.away
        if serving is not told:
            await server.set_serving(serving=serving)
            told = serving
        await asyncio.sleep(_EVERY_SECONDS)
