"""An order of ours with what the ledger knows besides: when it was sent, and the operator's word that resolved it."""

from dataclasses import dataclass

import sqlalchemy as sa

from executor.ledger import orders, requests, words
from executor.ledger.orders import OrderRecord
from executor.ledger.words import GivenWord


@dataclass(frozen=True, slots=True)
class OrderStory:
    """`sent_ms` is the venue's time that was signed, 0 before."""

    order: OrderRecord
    sent_ms: int
    word: GivenWord | None


def find(connection: sa.Connection, client_order_id: str) -> OrderStory | None:
    """The story of an order, None where it is not the ledger's."""
    order = orders.by_client_id(connection, client_order_id)
    return None if order is None else _story(connection, order)


def in_flight(connection: sa.Connection, symbol: str) -> list[OrderStory]:
    """Those of the orders that are intents, being sent, or UNKNOWN."""
    return [_story(connection, order) for order in orders.in_flight(connection, symbol)]


def _story(connection: sa.Connection, order: OrderRecord) -> OrderStory:
    place = requests.place_of(connection, order.request_id, order.client_order_id)
    return OrderStory(order, place.timestamp_ms, words.of_order(connection, order.client_order_id))
