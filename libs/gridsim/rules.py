"""Checks that an exchange applies to an order before it looks at the book, and the closed list of its refusals."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Annotated

from gridcore.model.setting import Setting
from gridsim.algos import waits_above
from gridsim.filters import Filters, TradingStatus
from gridsim.orders import NewOrder, Side

_SYMBOL = re.compile(r"[^\W_a-z]{1,20}/[^\W_a-z]{1,20}")  # letters of any script: 币安人生/USDT
COMMISSION_STEP = Decimal("1E-8")  # Binance's baseCommissionPrecision and quoteCommissionPrecision


class Reason(Enum):
    """Reason why an order or a cancel was refused. The filters keep Binance's names, which its error messages carry."""

    PRICE_FILTER = "PRICE_FILTER"
    PERCENT_PRICE = "PERCENT_PRICE"
    PERCENT_PRICE_BY_SIDE = "PERCENT_PRICE_BY_SIDE"
    LOT_SIZE = "LOT_SIZE"
    MARKET_LOT_SIZE = "MARKET_LOT_SIZE"
    MIN_NOTIONAL = "MIN_NOTIONAL"
    NOTIONAL = "NOTIONAL"
    TRAILING_DELTA = "TRAILING_DELTA"
    MAX_NUM_ORDERS = "MAX_NUM_ORDERS"
    MAX_NUM_ALGO_ORDERS = "MAX_NUM_ALGO_ORDERS"
    MAX_NUM_ORDER_LISTS = "MAX_NUM_ORDER_LISTS"
    MAX_POSITION = "MAX_POSITION"
    EXCHANGE_MAX_NUM_ORDERS = "EXCHANGE_MAX_NUM_ORDERS"
    MARKET_CLOSED = "MARKET_CLOSED"
    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    DUPLICATE = "DUPLICATE"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    WOULD_MATCH = "WOULD_MATCH"
    WOULD_TRIGGER = "WOULD_TRIGGER"
    BAD_LIST_PRICES = "BAD_LIST_PRICES"
    UNKNOWN_ORDER = "UNKNOWN_ORDER"


class Refused(Exception):
    """The exchange refused; nothing has changed."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason


def _symbol(text: str) -> str:
    if not _SYMBOL.fullmatch(text):
        raise ValueError('give base and quote in capitals, such as "BTC/USDT"')
    return text


def _step(step: Decimal) -> Decimal:
    if step % Decimal("1E-8"):
        raise ValueError("give at most 8 decimals: Binance's API carries no more")
    return step.normalize()


def _fee(fee: Decimal) -> Decimal:
    if fee >= 1:
        raise ValueError('give a fraction below 1, such as "0.001" for 0.1 %')
    return fee


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """Rules of a symbol at one moment. Steps and `min_notional` as Binance states them, fees as fractions of the trade.

    `listed` False: the exchange answers that there is no such symbol.
    """

    symbol: Annotated[
        str,
        Setting(
            'base and quote in letters of any script without lower case, `"BTC/USDT"`, `"币安人生/USDT"`', parse=_symbol
        ),
    ]
    tick_size: Annotated[
        Decimal, Setting("step of prices", above=0, parse=_step, allowed="above 0, at most 8 decimals")
    ] = Decimal("0.01")
    lot_size: Annotated[
        Decimal, Setting("step of quantities", above=0, parse=_step, allowed="above 0, at most 8 decimals")
    ] = Decimal("0.00001")
    min_notional: Annotated[Decimal, Setting("the least price times quantity of an order", above=0)] = Decimal(5)
    maker_fee: Annotated[
        Decimal,
        Setting("as a fraction: 0.001 is 0.1 %", least=0, parse=_fee, allowed="at least 0, below 1"),
    ] = Decimal("0.001")
    taker_fee: Annotated[
        Decimal,
        Setting("as a fraction: 0.001 is 0.1 %", least=0, parse=_fee, allowed="at least 0, below 1"),
    ] = Decimal("0.001")
    max_orders: Annotated[int, Setting("open orders of an account", least=1)] = 200
    filters: Filters = field(default_factory=Filters)
    status: TradingStatus = TradingStatus.TRADING
    listed: bool = True

    @property
    def base(self) -> str:
        """Base asset, which is bought and sold."""
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        """Quote asset, in which the base is priced."""
        return self.symbol.partition("/")[2]

    @property
    def trades(self) -> bool:
        """Whether new orders are accepted and the market moves."""
        return self.listed and self.status is TradingStatus.TRADING

    @property
    def min_price(self) -> Decimal:
        """Lower bound of PRICE_FILTER."""
        return self.tick_size if self.filters.min_price is None else self.filters.min_price

    @property
    def max_price(self) -> Decimal:
        """Upper bound of PRICE_FILTER: for BTCUSDT's tick, Binance's own 1,000,000."""
        return self.tick_size * 10**8 if self.filters.max_price is None else self.filters.max_price

    @property
    def min_quantity(self) -> Decimal:
        """Lower bound of LOT_SIZE."""
        return self.lot_size if self.filters.min_quantity is None else self.filters.min_quantity

    @property
    def max_quantity(self) -> Decimal:
        """Upper bound of LOT_SIZE: for BTCUSDT's lot, Binance's own 9,000."""
        return self.lot_size * 9 * 10**8 if self.filters.max_quantity is None else self.filters.max_quantity

    @property
    def max_market_quantity(self) -> Decimal:
        """Upper bound of MARKET_LOT_SIZE."""
        most = self.filters.max_market_quantity
        return self.max_quantity if most is None else most

    @property
    def max_notional(self) -> Decimal:
        """Upper bound of NOTIONAL."""
        most = self.filters.max_notional
        return self.max_price * self.max_quantity if most is None else most

    def floor_quantity(self, quantity: Decimal) -> Decimal:
        """Rounds the quantity down to whole lots."""
        return quantity // self.lot_size * self.lot_size

    def check(self, order: NewOrder, last_price: Decimal) -> None:
        """Raises Refused for the first filter that the order fails, in the order Binance lists them."""
        priced = not order.type.is_market
        if priced:
            self._check_price(order.price)
        if order.stop_price:
            self._check_price(order.stop_price)
        if priced:
            self._check_distance(order, last_price)
        self._check_quantity(order)
        if order.trailing_delta:
            self._check_trailing(order)
        self._check_notional(order, order.price if priced else last_price, priced=priced)

    def _check_price(self, price: Decimal) -> None:
        if not self.min_price <= price <= self.max_price or price % self.tick_size:
            raise Refused(Reason.PRICE_FILTER, f"price {price}, tick {self.tick_size}")

    def _check_distance(self, order: NewOrder, last_price: Decimal) -> None:
        filters, buys = self.filters, order.side is Side.BUY or self.filters.legacy
        low = last_price * (filters.bid_down if buys else filters.ask_down)
        high = last_price * (filters.bid_up if buys else filters.ask_up)
        if not low <= order.price <= high:
            reason = Reason.PERCENT_PRICE if filters.legacy else Reason.PERCENT_PRICE_BY_SIDE
            raise Refused(reason, f"{order.side.value} {order.price} is outside {low} to {high}")

    def _check_quantity(self, order: NewOrder) -> None:
        quantity = order.quantity
        if not self.min_quantity <= quantity <= self.max_quantity or quantity % self.lot_size:
            raise Refused(Reason.LOT_SIZE, f"quantity {quantity}, step {self.lot_size}")
        if order.type.is_market and quantity > self.max_market_quantity:
            raise Refused(Reason.MARKET_LOT_SIZE, f"quantity {quantity} is over {self.max_market_quantity}")

    def _check_trailing(self, order: NewOrder) -> None:
        filters, delta = self.filters, order.trailing_delta
        low, high = filters.min_trailing_below, filters.max_trailing_below
        if waits_above(order.type, order.side):
            low, high = filters.min_trailing_above, filters.max_trailing_above
        if not low <= delta <= high:
            raise Refused(Reason.TRAILING_DELTA, f"{delta} is outside {low} to {high}")

    def _check_notional(self, order: NewOrder, price: Decimal, *, priced: bool) -> None:
        worth, filters = order.quote_quantity or price * order.quantity, self.filters
        reason = Reason.MIN_NOTIONAL if filters.legacy else Reason.NOTIONAL
        if worth < self.min_notional and (priced or filters.min_to_market):
            raise Refused(reason, f"{worth} is under {self.min_notional}")
        if worth > self.max_notional and (priced or filters.max_to_market) and not filters.legacy:
            raise Refused(reason, f"{worth} is over {self.max_notional}")
