"""The specification's Engine interface: what makes trading steps durable."""

from enum import Enum
from typing import Protocol

from gridcore.model.actions import OrderUpdate
from orchestrator.clients.pricemon import PriceHeard


class EngineKind(Enum):
    """The available engines; the setting `orchestrator.engine` selects one."""

    DBOS = "dbos"


class Engine(Protocol):
    """Starts, stops, and receives prices and order updates. The steps of one symbol run one after another."""

    async def start(self) -> None:
        """Opens each symbol: takeover, settlement of requests in flight, reconciliation. Returns when all may trade.

        Raises StopError if a recorded workflow cannot be finished.
        """
        ...

    async def stop(self) -> None:
        """Starts no new steps; running steps are resumed by the next startup."""
        ...

    async def on_price_update(self, heard: PriceHeard) -> None:
        """Receives a price or a heartbeat of one of the symbols."""
        ...

    async def on_order_update(self, update: OrderUpdate) -> None:
        """Receives the next entry of a symbol's update log."""
        ...
