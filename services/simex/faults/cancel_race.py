"""Simulates a market that trades an order right before its cancel arrives."""

from decimal import Decimal

from gridsim.market import MarketTrade
from gridsim.orders import Order
from simex.exchange.venue import Venue
from simex.protocol.errors import ApiError
from simex.protocol.formats import market_id
from simex.protocol.params import Params


class CancelRace:
    """Finds the order that a cancel names, and lets the market trade it."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def order_of(self, params: Params, account: str) -> Order | None:
        """The account's open order that a cancel names, None if there is none."""
        symbols = {market_id(symbol): symbol for symbol in self._venue.listings}
        try:
            symbol = symbols.get(params.text("symbol"))
            order_id, client_id = params.optional_whole("orderId"), params.client_id("origClientOrderId")
        except ApiError:
            return None
        for order in self._venue.open_orders(account, symbol) if symbol else ():
            if order.waits:
                continue  # it does not rest in the book: nothing trades it
            if order.order_id == order_id or (order_id is None and order.client_order_id == client_id):
                return order
        return None

    def trade(self, order: Order, fraction: Decimal, now_ms: int) -> None:
        """Trades a fraction of the order's remainder at its price, and what is before it in the queue.

        A market that reaches a price has traded everything better on its way.
        """
        book = self._venue.book(order.symbol)
        part = max(book.rules.lot_size, book.rules.floor_quantity(order.remaining * fraction))
        before = [each for each in book.reachable(order.side, order.price) if each.order_id < order.order_id]
        earlier = sum(each.remaining for each in before if each.price == order.price)
        quantity = book.ahead(order.order_id) + earlier + part
        time_ms = self._venue.state(order.symbol).point.market_time_ms
        self._venue.inject(order.symbol, MarketTrade(time_ms, order.price, quantity, order.side.opposite), now_ms)
