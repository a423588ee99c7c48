"""The content of the live view at one moment. Watchers and supervisor supply it, the view draws it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from griddeploy.process.supervisor import Incident, ServiceStatus
from gridwright.v1 import models_pb2, orchestrator_pb2


@dataclass(frozen=True, slots=True)
class FillLine:
    """A fill of one of our orders, in the order of the update log."""

    offset: int
    time_ms: int
    side: str  # buy or sell
    price: str
    quantity: str
    fee: str
    fee_asset: str
    maker: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A grid at one moment. Ages are in seconds; `answer` is None until the orchestrator has sent one."""

    symbol: str
    headline: str  # what is going on: the time left, settling, stopping
    answer: orchestrator_pb2.GetStateResponse | None = None
    answer_age_s: float = 0.0  # since the orchestrator last sent the answer
    connected: bool = False  # the stream of answers is up
    fills: Sequence[FillLine] = ()  # newest last
    services: Sequence[ServiceStatus] = ()
    incidents: Sequence[Incident] = ()  # newest last
    troubles: Sequence[str] = ()  # a line for each, oldest first


def fills_of(step: orchestrator_pb2.TradingStep) -> list[FillLine]:
    """Lists the fills that a step applied, in offset order."""
    return [
        FillLine(
            offset=update.offset,
            time_ms=update.venue_time_ms or update.recorded_time_ms,
            side="buy" if update.side == models_pb2.SIDE_BUY else "sell",
            price=update.fill.price,
            quantity=update.fill.quantity,
            fee=update.fill.fee,
            fee_asset=update.fill.fee_asset,
            maker=update.fill.maker,
        )
        for update in step.plan.trigger.order_updates.updates
        if update.WhichOneof("kind") == "fill"
    ]


def number(text: str) -> Decimal | None:
    """Parses a decimal string of the contract; None if it is empty or unknown."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return None
