"""Applies one command or market event: changes a book and the accounts, and collects the outcome.

Refusals are raised before a Step begins: nothing here can fail halfway.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from gridsim.account import ZERO, Account
from gridsim.algos import as_new, is_due, tracked
from gridsim.book import Book, Offer
from gridsim.fees import Fee, FeeSchedule
from gridsim.market import Level, MarketQuote, MarketTrade
from gridsim.matching import Match, match_order, reserve
from gridsim.orders import (
    ListKind,
    NewOrder,
    Order,
    OrderList,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    Trade,
    Transition,
)
from gridsim.outcome import Execution, Outcome, Print

# Reasons why an order of a list, or a waiting order, ended.
OCO_TRIGGER = "order list: the other order works, or has ended"
OTO_PHASE_ONE = "order list: the working order has ended"
BY_LIST = "order list: cancelled with the other order"
NOT_ACCEPTED = "refused as it came to the book"

_ALWAYS_GTC = frozenset({OrderType.LIMIT_MAKER, OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT})


@dataclass(frozen=True, slots=True)
class Member:
    """An order's membership of a list: which list, and whether it is pending. `reserved`: see Order."""

    list_id: int = -1
    kind: ListKind | None = None
    pending: bool = False
    reserved: Decimal | None = None


ALONE = Member()


class Step:
    """Applies one command to a book and the accounts, and collects the outcome."""

    def __init__(self, book: Book, accounts: Mapping[str, Account], time_ms: int, fees: FeeSchedule) -> None:
        self._book = book
        self._rules = book.rules
        self._accounts = accounts
        self._time_ms = time_ms
        self._fees = fees
        self._executions: list[Execution] = []
        self._prints: list[Print] = []
        self._tracked: dict[int, Order] = {}  # trailing orders that saw a better price, after their executions

    def finish(self, lists: tuple[OrderList, ...] = ()) -> Outcome:
        """Applies the consequences for other orders of the same lists, and returns the whole outcome."""
        self._follow_lists()
        ahead = self._book.drain_moves()
        return Outcome(tuple(self._executions), tuple(self._prints), ahead=ahead, tracked=self._tracked, lists=lists)

    def place(self, account: str, new: NewOrder, found: Match, member: Member = ALONE) -> Order:
        """Accepts an order that has passed all checks, with its computed match."""
        order = self._accept(account, new, member)
        if order.waits:
            self._accounts[account].hold(*self._held(order))
            self._record(order)
            return order
        self._accounts[account].hold(*reserve(self._book, new, found))
        self._record(order)
        return self._meet(order, found)

    def trigger(self) -> None:
        """Triggers algo orders after a market trade: they track the price, and those that are due go to the book."""
        waiting, price = self._book.waiting, self._book.price
        for each in waiting:
            order = self._book.current(each)  # another one that was due may have ended it
            if order is None or not order.waits or order.status is OrderStatus.PENDING_NEW or not order.type.is_algo:
                continue
            then = tracked(order, price, self._time_ms)
            if then is not order:
                self._book.keep(then)
                self._tracked[then.order_id] = then
            if is_due(then, price):
                self._work(then, f"triggered at {price}")

    def _work(self, order: Order, cause: str) -> None:
        """Sends a waiting order to the book as if it were placed now. It expires if the book refuses it."""
        if order.list_kind is ListKind.OCO:
            for other in self._book.listed(order.account, order.list_id):
                if other.order_id != order.order_id:
                    self._end(other, Transition(self._time_ms, OrderStatus.EXPIRED, OCO_TRIGGER))
        account, new = self._accounts[order.account], as_new(order)
        account.release(*self._held(order))
        order = replace(order, reserved=ZERO)
        found = match_order(self._book, order.account, new)
        asset, amount = reserve(self._book, new, found)
        if order.side is Side.SELL and order.type is not OrderType.MARKET:
            amount = order.remaining
        if account.of(asset).free < amount or (new.type is OrderType.LIMIT_MAKER and not found.empty):
            self._end(order, Transition(self._time_ms, OrderStatus.EXPIRED, NOT_ACCEPTED))
            return
        account.hold(asset, amount)
        works = replace(order, reserved=None, waits=False, working_ms=self._time_ms)
        works = works.moved(Transition(self._time_ms, OrderStatus.NEW, cause))
        self._record(works)
        self._meet(works, found)

    def _follow_lists(self) -> None:
        """Passes once over the executions, including those that it adds."""
        for execution in self._executions:  # the list grows during the loop
            order = execution.order
            if order.list_kind is None:
                continue
            members = self._book.listed(order.account, order.list_id)
            others = [each for each in members if each.order_id != order.order_id]
            if order.list_kind is ListKind.OCO:
                self._follow_oco(order, others)
            else:
                self._follow_oto(order, others)

    def _follow_oco(self, order: Order, others: list[Order]) -> None:
        if order.is_open and not order.executed:
            return
        for other in others:
            cancelled = order.status is OrderStatus.CANCELED
            status, cause = (OrderStatus.CANCELED, BY_LIST) if cancelled else (OrderStatus.EXPIRED, OCO_TRIGGER)
            self._end(other, Transition(self._time_ms, status, cause))

    def _follow_oto(self, order: Order, others: list[Order]) -> None:
        for other in others:
            pending = other.status is OrderStatus.PENDING_NEW and other.order_id > order.order_id
            if order.status is OrderStatus.FILLED and pending:
                self._activate(other)
            elif order.status is OrderStatus.CANCELED:
                self._end(other, Transition(self._time_ms, OrderStatus.CANCELED, BY_LIST))
            elif not order.is_open and order.status is not OrderStatus.FILLED:
                self._end(other, Transition(self._time_ms, OrderStatus.EXPIRED, OTO_PHASE_ONE))

    def _activate(self, order: Order) -> None:
        """Activates a pending order, whose list's working order is filled: it trades or waits for its price."""
        if not order.type.is_algo:
            self._work(order, "the working order of its list is filled")
            return
        then = tracked(replace(order, reserved=None), self._book.price, self._time_ms)
        asset, amount = self._held(then)
        if self._accounts[order.account].of(asset).free < amount:
            self._end(order, Transition(self._time_ms, OrderStatus.EXPIRED, NOT_ACCEPTED))
            return
        self._accounts[order.account].hold(asset, amount)
        cause = "the working order of its list is filled"
        self._record(then.moved(Transition(self._time_ms, OrderStatus.NEW, cause)))

    def _meet(self, order: Order, found: Match) -> Order:
        """Trades an order on the book with its computed match; returns the order afterwards."""
        for resting in found.expiring:
            self._prevent(resting, order, resting.price, min(resting.remaining, order.remaining))
        for offer in found.trades:
            order = self._take(order, offer)
        if order.is_open and found.stopped_by:
            resting = found.stopped_by
            return self._prevent(order, resting, resting.price, min(resting.remaining, order.remaining))
        if order.is_open and not _may_rest(order):
            cause = f"{order.type.value} {order.time_in_force.value} may not rest"
            return self._end(order, Transition(self._time_ms, OrderStatus.EXPIRED, cause))
        if order.is_open:
            self._book.join(order)
        return order

    def market_trade(self, trade: MarketTrade) -> None:
        """Applies a trade of the others, which fills our orders as far as it reaches them."""
        self._book.others.traded(trade)
        self._book.close_up()
        left = whole = self._rules.floor_quantity(trade.quantity)
        for side in Side:
            left -= self._fill_reached(side, trade.price, left)
        rest = trade.quantity - (whole - left)
        if rest:
            self._print(self._book.next_trade_id(), trade.price, rest, trade.taker)

    def market_quote(self, quote: MarketQuote) -> None:
        """Applies a quote of the others, which fills our orders that it reaches."""
        self._book.others.quoted(quote)
        self._book.close_up()
        for side in Side:
            offer = quote.best(side.opposite)
            self._fill_reached(side, offer.price, self._rules.floor_quantity(offer.quantity))

    def cancel(self, order: Order, cancel_id: str) -> None:
        """Cancels an open order for its owner."""
        cancelled = Transition(self._time_ms, OrderStatus.CANCELED, "cancelled by its owner")
        self._end(order, cancelled, cancel_id=cancel_id)

    def expire(self, order: Order, cause: str) -> None:
        """Expires an open order for the exchange."""
        self._end(order, Transition(self._time_ms, OrderStatus.EXPIRED, cause))

    def _fill_reached(self, side: Side, price: Decimal, left: Decimal) -> Decimal:
        """Fills our orders of a side that the others reach with `price`; at that price for `left` at most, of which the
        quantity ahead of them is taken first. Returns how much of ours was filled.
        """
        passed = ours = ZERO
        for order in self._book.reachable(side, price):
            quantity = order.remaining
            if order.price == price:
                before = min(left, max(ZERO, self._book.ahead(order.order_id) - passed))
                quantity = min(quantity, left - before)
                passed, left, ours = passed + before, left - before - quantity, ours + quantity
            if quantity:
                self._trade(order.price, quantity, order.side.opposite, (order, True))
        self._book.traded_ahead(side, price, passed)
        return ours

    def _prevent(self, order: Order, other: Order, price: Decimal, quantity: Decimal) -> Order:
        """Expires an order that would otherwise trade with another one of its account."""
        cause = f"self-trade prevention: order {other.order_id}"
        step = Transition(self._time_ms, OrderStatus.EXPIRED_IN_MATCH, cause, other.order_id)
        return self._end(order, step, prevented=Level(price, quantity))

    def _end(self, order: Order, step: Transition, *, prevented: Level | None = None, cancel_id: str = "") -> Order:
        self._accounts[order.account].release(*self._held(order))
        ended = order.moved(step)
        self._record(ended, prevented=prevented, cancel_id=cancel_id)
        return ended

    def _accept(self, account: str, new: NewOrder, member: Member) -> Order:
        order_id = self._book.next_order_id()
        status = OrderStatus.PENDING_NEW if member.pending else OrderStatus.NEW
        order = Order(
            account=account,
            symbol=new.symbol,
            order_id=order_id,
            client_order_id=new.client_order_id or f"simex-{order_id}",
            side=new.side,
            type=new.type,
            time_in_force=TimeInForce.GTC if new.type in _ALWAYS_GTC else new.time_in_force,
            price=new.price,
            quantity=new.quantity,
            executed=ZERO,
            executed_quote=ZERO,
            self_trade=new.self_trade,
            transitions=(Transition(self._time_ms, status, "placed"),),
            quote_quantity=new.quote_quantity,
            strategy_id=new.strategy_id,
            strategy_type=new.strategy_type,
            stop_price=new.stop_price,
            trailing_delta=new.trailing_delta,
            waits=new.type.is_algo or member.pending,
            list_id=member.list_id,
            list_kind=member.kind,
            reserved=member.reserved,
        )
        begins = new.type.is_algo and not new.stop_price and not member.pending  # otherwise with its stop price
        return tracked(order, self._book.price, self._time_ms) if begins else order

    def _take(self, order: Order, offer: Offer) -> Order:
        """Trades a new order with what rests: one of our orders, or the others'."""
        if offer.order is None:
            self._book.traded_ahead(order.side.opposite, offer.price, offer.quantity)
            return self._trade(offer.price, offer.quantity, order.side, (order, False))
        return self._trade(offer.price, offer.quantity, order.side, (offer.order, True), (order, False))

    def _trade(self, price: Decimal, quantity: Decimal, taker: Side, *parties: tuple[Order, bool]) -> Order:
        """Records one print, and a fill of each of our orders in it; returns the last of them after its fill."""
        trade_id = self._book.next_trade_id()
        filled = [self._fill(order, trade_id, price, quantity, maker=maker) for order, maker in parties]
        self._print(trade_id, price, quantity, taker)
        return filled[-1]

    def _fill(self, order: Order, trade_id: int, price: Decimal, quantity: Decimal, *, maker: bool) -> Order:
        base, quote = self._rules.base, self._rules.quote
        account = self._accounts[order.account]
        received, asset = (quantity, base) if order.side is Side.BUY else (price * quantity, quote)
        if order.side is Side.BUY:
            held = (order.price or price) * quantity
            account.move(quote, free=held - price * quantity, locked=-held)
        else:
            account.move(base, locked=-quantity)
        account.move(asset, free=received)
        fee = self._charge(order, asset, received, maker=maker)
        trade = Trade(
            account=order.account,
            symbol=order.symbol,
            trade_id=trade_id,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            side=order.side,
            price=price,
            quantity=quantity,
            commission=fee.amount,
            commission_asset=fee.asset,
            maker=maker,
            time_ms=self._time_ms,
        )
        filled = order.filled(price, quantity, self._time_ms, f"trade {trade_id}")
        self._record(filled, trade)
        return filled

    def _charge(self, order: Order, asset: str, received: Decimal, *, maker: bool) -> Fee:
        """Takes the fee of a fill from what it gave, or from the discount's asset if the balance suffices."""
        if self._fees.waives(order.account):
            return Fee(ZERO, "")
        account, gives = self._accounts[order.account], (asset, received)
        fee = self._fees.discounted(order.account, self._rules, order.side, gives, maker=maker)
        if fee is None or account.of(fee.asset).free < fee.amount:
            fee = self._fees.fee(order.account, self._rules, order.side, gives, maker=maker)
        account.move(fee.asset, free=-fee.amount)
        return fee

    def _held(self, order: Order) -> tuple[str, Decimal]:
        if order.reserved is not None:
            return (self._rules.quote if order.side is Side.BUY else self._rules.base), order.reserved
        if order.type is OrderType.MARKET or (order.side is Side.BUY and order.type.is_market):
            return (self._rules.quote, ZERO) if order.side is Side.BUY else (self._rules.base, ZERO)
        if order.side is Side.BUY:
            return self._rules.quote, order.price * order.remaining
        return self._rules.base, order.remaining

    def _record(
        self, order: Order, trade: Trade | None = None, prevented: Level | None = None, cancel_id: str = ""
    ) -> None:
        self._book.keep(order)
        self._tracked.pop(order.order_id, None)
        account = self._accounts[order.account]
        balances = [account.of(self._rules.base), account.of(self._rules.quote)]
        if trade is not None and trade.commission_asset not in {"", self._rules.base, self._rules.quote}:
            balances.append(account.of(trade.commission_asset))  # a discount's
        self._executions.append(Execution(order, order.transitions[-1], tuple(balances), trade, prevented, cancel_id))

    def _print(self, trade_id: int, price: Decimal, quantity: Decimal, taker: Side) -> None:
        self._prints.append(Print(trade_id, price, quantity, taker, self._time_ms))


def _may_rest(order: Order) -> bool:
    return not order.type.is_market and order.time_in_force is TimeInForce.GTC
