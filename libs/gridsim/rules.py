"""What an exchange demands of an order before it looks at the book, and the closed list of its refusals."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from gridsim.orders import NewOrder, OrderType, Side

COMMISSION_STEP = Decimal("1E-8")  # Binance's baseCommissionPrecision and quoteCommissionPrecision
PERCENT_UP = Decimal(5)
PERCENT_DOWN = Decimal("0.2")


class Reason(Enum):
    """Why an order or a cancel was refused. The filters keep Binance's names, which its error messages carry."""

    PRICE_FILTER = "PRICE_FILTER"
    PERCENT_PRICE_BY_SIDE = "PERCENT_PRICE_BY_SIDE"
    LOT_SIZE = "LOT_SIZE"
    NOTIONAL = "NOTIONAL"
    MAX_NUM_ORDERS = "MAX_NUM_ORDERS"
    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    DUPLICATE = "DUPLICATE"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    WOULD_MATCH = "WOULD_MATCH"
    UNKNOWN_ORDER = "UNKNOWN_ORDER"


class Refused(Exception):
    """The exchange said no, and nothing has changed."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """A symbol's filters and fees. Steps and `min_notional` as Binance states them, fees as fractions of the trade."""

    symbol: str
    tick_size: Decimal = Decimal("0.01")
    lot_size: Decimal = Decimal("0.00001")
    min_notional: Decimal = Decimal(5)
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")
    max_orders: int = 200

    @property
    def base(self) -> str:
        """The coin that is bought and sold."""
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        """The coin that it is priced in."""
        return self.symbol.partition("/")[2]

    @property
    def max_price(self) -> Decimal:
        """The upper end of PRICE_FILTER: for BTCUSDT's tick, Binance's own 1,000,000."""
        return self.tick_size * 10**8

    @property
    def max_quantity(self) -> Decimal:
        """The upper end of LOT_SIZE: for BTCUSDT's lot, Binance's own 9,000."""
        return self.lot_size * 9 * 10**8

    def floor_quantity(self, quantity: Decimal) -> Decimal:
        """The quantity rounded down to whole lots."""
        return quantity // self.lot_size * self.lot_size

    def commission(self, amount: Decimal, *, maker: bool) -> Decimal:
        """The fee on an amount received, in that amount's coin, cut to the commission precision."""
        rate = self.maker_fee if maker else self.taker_fee
        fee = amount * rate
        return fee - fee % COMMISSION_STEP

    def check(self, order: NewOrder, last_price: Decimal) -> None:
        """Raises Refused for the first filter that the order fails, in the order Binance lists them."""
        priced = order.type is not OrderType.MARKET
        price = order.price if priced else last_price
        if priced:
            self._check_price(order, last_price)
        if not self.lot_size <= order.quantity <= self.max_quantity or order.quantity % self.lot_size:
            raise Refused(Reason.LOT_SIZE, f"quantity {order.quantity}, step {self.lot_size}")
        worth = order.quote_quantity or price * order.quantity
        if worth < self.min_notional:
            raise Refused(Reason.NOTIONAL, f"{worth} is under {self.min_notional}")

    def _check_price(self, order: NewOrder, last_price: Decimal) -> None:
        if not self.tick_size <= order.price <= self.max_price or order.price % self.tick_size:
            raise Refused(Reason.PRICE_FILTER, f"price {order.price}, tick {self.tick_size}")
        low, high = last_price * PERCENT_DOWN, last_price * PERCENT_UP
        if not low <= order.price <= high:
            side = "bid" if order.side is Side.BUY else "ask"
            raise Refused(Reason.PERCENT_PRICE_BY_SIDE, f"{side} {order.price} is outside {low} to {high}")
