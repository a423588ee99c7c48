"""The endpoints that change an account's orders: new, test, cancel, cancel all, cancel and replace."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from gridsim.account import ZERO
from gridsim.book import Book
from gridsim.matching import match_order
from gridsim.orders import NewOrder, Order
from gridsim.rules import Refused
from simex.access.limits import OverLimitError
from simex.account import payloads
from simex.exchange.end_reasons import PreventedMatch, prevented_matches
from simex.exchange.venue import Venue
from simex.protocol.call import Call
from simex.protocol.errors import ApiError, of_refusal, unknown_order
from simex.protocol.formats import Json
from simex.protocol.order_entry import (
    Entry,
    OrderName,
    OverLimitMode,
    ReplaceMode,
    Restriction,
    read_entry,
    read_name,
    read_restriction,
)
from simex.protocol.params import Params


class TradingApi:
    """Each method is an endpoint: it takes a call and returns JSON."""

    def __init__(self, venue: Venue, symbol_of: Callable[[Params], str]) -> None:
        self._venue = venue
        self._symbol = symbol_of

    def new_order(self, call: Call) -> Json:
        """POST order."""
        entry = read_entry(self._symbol(call.params), call.params)
        call.charge()
        return self._place(call, entry)

    def test_order(self, call: Call) -> Json:
        """POST order/test: checks parameters and filters, but not balance and book, as Binance does."""
        new = read_entry(self._symbol(call.params), call.params).order
        book = self._venue.book(new.symbol)
        book.rules.check(_sized(new, book, call.account), book.price)
        return (
            payloads.order_commission(self._venue.fees.of(call.account, book.rules), new.side)
            if call.params.flag("computeCommissionRates")
            else {}
        )

    def cancel_order(self, call: Call) -> Json:
        """DELETE order, by orderId or origClientOrderId. Cancelling an order that is not open is -2011."""
        params = call.params
        restriction, cancel_id = read_restriction(params), params.client_id("newClientOrderId")
        order = self._open_order(call, read_name(params))
        return self._cancel(call, order, restriction, cancel_id)

    def cancel_all(self, call: Call) -> list[Json]:
        """DELETE openOrders, of one symbol."""
        done = self._venue.cancel_all(call.account, self._symbol(call.params), call.now_ms)
        return [payloads.cancelled(each, payloads.cancel_id(each)) for each in done]

    def cancel_replace(self, call: Call) -> Json:
        """POST order/cancelReplace: two commands, of which one may fail. Filters are checked before either runs."""
        params = call.params
        mode = params.word("cancelReplaceMode", ReplaceMode)
        exceeding = params.optional_word("orderRateLimitExceededMode", OverLimitMode, OverLimitMode.DO_NOTHING)
        restriction, cancel_id = read_restriction(params), params.client_id("cancelNewClientOrderId")
        name = read_name(params, "cancelOrderId", "cancelOrigClientOrderId")
        entry = read_entry(self._symbol(params), params)
        book = self._venue.book(entry.order.symbol)
        book.rules.check(_sized(entry.order, book, call.account), book.price)
        over_limit = _over_limit(call, exceeding)
        cancelled, placed = _Half(), _Half()
        cancelled.attempt(lambda: self._cancel(call, self._open_order(call, name), restriction, cancel_id))
        if not cancelled.failed or mode is ReplaceMode.ALLOW_FAILURE:
            placed.attempt(lambda: self._place(call, entry), over_limit)
        return _replaced(cancelled, placed, told_429=over_limit is not None and mode is ReplaceMode.STOP_ON_FAILURE)

    def _place(self, call: Call, entry: Entry) -> Json:
        new = _sized(entry.order, self._venue.book(entry.order.symbol), call.account)
        outcome = self._venue.place(call.account, new, call.now_ms)
        placed_id = outcome.executions[0].order.order_id
        own = [each for each in outcome.executions if each.order.order_id == placed_id]
        trades = [each.trade for each in own if each.trade is not None]
        prevented: list[PreventedMatch] = []
        if any(each.prevented for each in outcome.executions):
            prevented = prevented_matches(self._venue.store, call.account, new.symbol, placed_id)
        return payloads.new_order(own[-1].order, trades, prevented, entry.detail)

    def _cancel(self, call: Call, order: Order, restriction: Restriction | None, cancel_id: str) -> Json:
        if restriction is not None and order.status is not restriction.value:
            raise ApiError(-2011, "Order was not canceled due to cancel restrictions.")
        done = self._venue.cancel(call.account, order.symbol, order.order_id, call.now_ms, cancel_id)
        return payloads.cancelled(done, cancel_id or payloads.cancel_id(done))

    def _open_order(self, call: Call, name: OrderName) -> Order:
        book = self._venue.book(self._symbol(call.params))
        if name.order_id is None:
            order = book.open_client_id(call.account, name.client_id)
        else:
            order = book.find(call.account, name.order_id)
        if order is None or not name.fits(order):
            raise unknown_order()
        return order


class _Half:
    """One of the two commands of a cancel-replace, and its result."""

    def __init__(self) -> None:
        self.result = "NOT_ATTEMPTED"
        self.response: Json | None = None

    @property
    def failed(self) -> bool:
        return self.result != "SUCCESS"

    def attempt(self, command: Callable[[], Json], refusal: ApiError | None = None) -> None:
        """Runs the command, unless `refusal` is given."""
        try:
            if refusal is not None:
                raise refusal
            self.result, self.response = "SUCCESS", command()
        except Refused as refused:
            self.result, self.response = "FAILURE", of_refusal(refused).body
        except ApiError as error:
            self.result, self.response = "FAILURE", error.body


def _over_limit(call: Call, exceeding: OverLimitMode) -> ApiError | None:
    """The refusal of an order above the limit whose cancel still has to run. Raises it if the cancel must not run."""
    try:
        call.charge()
    except OverLimitError as error:
        if exceeding is OverLimitMode.DO_NOTHING:
            raise
        return error
    return None


def _replaced(cancelled: _Half, placed: _Half, *, told_429: bool) -> Json:
    """The answer if both succeeded. Raises ApiError, which contains both results, if one did not."""
    both: Json = {
        "cancelResult": cancelled.result,
        "newOrderResult": placed.result,
        "cancelResponse": cancelled.response,
        "newOrderResponse": placed.response,
    }
    if cancelled.failed and placed.failed:
        raise ApiError(-2022, "Order cancel-replace failed.", 429 if told_429 else 400, both)
    if cancelled.failed or placed.failed:
        raise ApiError(-2021, "Order cancel-replace partially failed.", 429 if told_429 else 409, both)
    return both


def _sized(new: NewOrder, book: Book, account: str) -> NewOrder:
    """Replaces a MARKET order's quote amount by the quantity that it buys now; other orders are returned unchanged."""
    return replace(new, quantity=_worth(new, book, account)) if new.quote_quantity else new


def _worth(new: NewOrder, book: Book, account: str) -> Decimal:
    """The quantity, in whole lots, that trades for at most the quote amount."""
    quantity, left = ZERO, new.quote_quantity
    for offer in match_order(book, account, replace(new, quantity=book.rules.max_quantity)).trades:
        affordable = book.rules.floor_quantity(left / offer.price)
        taken = min(offer.quantity, affordable)
        quantity, left = quantity + taken, left - taken * offer.price
        if taken == affordable:
            break
    return quantity
