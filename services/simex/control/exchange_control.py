"""The control RPCs that change the exchange while clients run: messages in, messages out."""

from gridrpc.errors import InvalidArgument, NotFound
from gridsim.account import MAIN
from gridsim.rules import Refused
from gridwright.v1 import simex_pb2
from simex.control.changes import ExchangeChanges
from simex.control.messages import true_order
from simex.control.reset import Reset
from simex.control.rules_messages import rules_to_proto
from simex.exchange.venue import Venue
from simex.faults.stream_faults import StreamFaults


class ExchangeControl:
    """Handles RPCs about rules, commissions, keys, limits and forgetting."""

    def __init__(self, world: ExchangeChanges, wiping: Reset, sockets: StreamFaults) -> None:
        self._world = world
        self._wiping = wiping
        self._sockets = sockets

    def set_rules(self, request: simex_pb2.SetMarketRulesRequest, now_ms: int) -> simex_pb2.VenueRules:
        """Changes the rules of a symbol."""
        return rules_to_proto(self._world.set_rules(request, now_ms))

    def rules(self, request: simex_pb2.GetMarketRequest) -> simex_pb2.VenueRules:
        """Returns a symbol's rules as its clients see them now."""
        return rules_to_proto(self._world.rules(request.symbol))

    def set_commission(self, request: simex_pb2.SetCommissionRequest) -> simex_pb2.SetCommissionResponse:
        """Sets an account's commission."""
        self._world.set_commission(request)
        return simex_pb2.SetCommissionResponse()

    def set_keys(self, request: simex_pb2.SetKeysRequest) -> simex_pb2.SetKeysResponse:
        """Refuses keys, or accepts them again."""
        count = self._world.set_keys(request, request.account or MAIN)
        if request.drop_sockets:
            self._sockets.drop(["user"])
        return simex_pb2.SetKeysResponse(keys=count)

    def set_limits(self, request: simex_pb2.VenueLimits) -> simex_pb2.VenueLimits:
        """Changes the given limits of requests and orders; returns all of them."""
        return self._world.set_limits(request)

    def wipe(self) -> simex_pb2.WipeResponse:
        """Deletes all orders and trades, as Binance's testnet does each month; returns how many."""
        orders, trades = self._wiping.wipe()
        return simex_pb2.WipeResponse(orders=orders, trades=trades)


def forget_order(venue: Venue, request: simex_pb2.ForgetOrderRequest, now_ms: int) -> simex_pb2.TrueOrder:
    """Ends an open order silently. Raises InvalidArgument or NotFound."""
    account, client_id = request.account or MAIN, request.client_order_id
    if bool(request.order_id) == bool(client_id):
        raise InvalidArgument(f"order_id = {request.order_id}: give it or client_order_id, not both")
    try:
        order_id = request.order_id
        if client_id:
            found = venue.book(request.symbol).open_client_id(account, client_id)
            order_id = found.order_id if found else 0
        return true_order(venue.forget(account, request.symbol, order_id, now_ms))
    except Refused as refused:
        named = client_id or request.order_id
        raise NotFound(
            f"order {named!r}: account {account} has no such open order in {request.symbol} ({refused})"
        ) from None
