"""What keeps the steps durable, seen from outside: the specification's Engine interface."""

from enum import Enum
from typing import Protocol

from gridcore.model.actions import OrderUpdate
from orchestrator.clients.pricemon import PriceHeard


class EngineKind(Enum):
    """The engines that there are; `orchestrator.engine` chooses."""

    DBOS = "dbos"


class Engine(Protocol):
    """Starts, stops, and takes what the world says. Steps run one after another per symbol."""

    async def start(self) -> None:
        """Opens each symbol: takeover, settlement of what was in flight, reconciliation. Returns when all may trade.

        Raises StopError where something on record cannot be finished.
        """
        ...

    async def stop(self) -> None:
        """Lets no new step begin and leaves the running ones to be resumed by the next start."""
        ...

    async def on_price_update(self, heard: PriceHeard) -> None:
        """A price or a heartbeat of one of the symbols."""
        ...

    async def on_order_update(self, update: OrderUpdate) -> None:
        """The next entry of a symbol's update log."""
        ...
