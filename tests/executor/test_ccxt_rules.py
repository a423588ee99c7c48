"""Every filter of exchangeInfo that can refuse our orders is in the rules; fees are those of account and symbol."""

from decimal import Decimal
from typing import Any

import ccxt  # noqa: TID251  # what it raises
import pytest

from executor.venue.ccxt.fees import FRESH_MS, FeeReader, Fees, of_commission
from executor.venue.ccxt.market_rules import market_rules
from executor.venue.market_refresh import EVERY_MS, SOON_MS, MarketRefresh
from executor.venue.port import Refusal
from gridcore.model.market_rules import PriceRange

D = Decimal
FEES = Fees(D("0.001"), D("0.002"))


def market(filters: list[dict[str, Any]] | None = None, status: str = "TRADING", **changes: Any) -> dict[str, Any]:
    info = {} if filters is None else {"filters": filters, "status": status}
    return {
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "precision": {"price": "0.01", "amount": "0.00001"},
        "limits": {
            "amount": {"min": "0.00001", "max": "9000"},
            "cost": {"min": "5", "max": None},
            "price": {"min": "0.01", "max": "1000000"},
        },
        "active": True,
        "info": info,
    } | changes


BINANCE: list[dict[str, Any]] = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "500000.00000000", "tickSize": "0.01000000"},
    {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "8000.00000000", "stepSize": "0.00001000"},
    {
        "filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
        "askMultiplierUp": "4", "askMultiplierDown": "0.5", "avgPriceMins": 5,
    },
    {"filterType": "NOTIONAL", "minNotional": "5.00000000", "maxNotional": "9000000.00000000"},
    {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    {"filterType": "MAX_POSITION", "maxPosition": "10.00000000"},
]  # fmt: skip


def test_binances_filters_are_in_the_rules() -> None:
    rules = market_rules(market(BINANCE), FEES)

    assert (rules.max_quantity, rules.max_notional, rules.max_position) == (D(8000), D(9_000_000), D(10))
    assert (rules.min_price, rules.max_price, rules.max_orders) == (D("0.01"), D(500_000), 200)
    assert rules.buy_range == PriceRange(D("0.2"), D(5))
    assert rules.sell_range == PriceRange(D("0.5"), D(4))
    assert (rules.maker_fee, rules.taker_fee, rules.halted) == (D("0.001"), D("0.002"), False)


def test_the_older_forms_of_filters_are_read_too() -> None:
    older = [
        {"filterType": "PERCENT_PRICE", "multiplierUp": "1.3", "multiplierDown": "0.7", "avgPriceMins": 5},
        {"filterType": "MAX_NUM_ORDERS", "limit": 25},
    ]

    rules = market_rules(market(older), FEES)

    assert rules.buy_range == rules.sell_range == PriceRange(D("0.7"), D("1.3"))
    assert rules.max_orders == 25


def test_a_limit_of_zero_is_none() -> None:
    off = [
        {"filterType": "PRICE_FILTER", "minPrice": "0.00000000", "maxPrice": "0.00000000", "tickSize": "0.01"},
        {"filterType": "MAX_POSITION", "maxPosition": "0"},
    ]

    rules = market_rules(market(off), FEES)

    assert (rules.min_price, rules.max_price, rules.max_position) == (None, None, None)


def test_elsewhere_ccxts_limits_count() -> None:
    rules = market_rules(market(), FEES)

    assert (rules.max_quantity, rules.max_notional, rules.min_price, rules.max_price) == (
        D(9000), None, D("0.01"), D(1_000_000),
    )  # fmt: skip
    assert (rules.max_orders, rules.buy_range) == (0, PriceRange())


@pytest.mark.parametrize("status", ["BREAK", "HALT", "END_OF_DAY"])
def test_a_market_that_does_not_trade_is_halted(status: str) -> None:
    assert market_rules(market(BINANCE, status), FEES).halted
    assert market_rules(market(active=False), FEES).halted


# -- fees


def rates(maker: str, taker: str, side: str = "0") -> dict[str, str]:
    return {"maker": maker, "taker": taker, "buyer": side, "seller": "0"}


COMMISSION = {
    "standardCommission": rates("0.001", "0.002"),
    "specialCommission": rates("0.0001", "0.0002"),
    "taxCommission": rates("0.0004", "0.0005", side="0.0006"),
    "discount": {
        "enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.75000000",
    },
}  # fmt: skip


def test_a_commission_is_the_sum_of_its_kinds_and_the_discount_is_of_the_standard() -> None:
    assert of_commission(COMMISSION, D(1)) == Fees(D("0.0021"), D("0.0033"))
    assert of_commission(COMMISSION, D("0.75")) == Fees(D("0.00185"), D("0.0028"))


class Exchange:
    """ccxt's client, as far as fees go."""

    def __init__(self, bnb: str = "0", **has: bool) -> None:
        self.has = has
        self.asked = 0
        self.fee: dict[str, Any] = {"maker": "0.003", "taker": "0.004"}
        self.error: Exception | None = None
        self._bnb = bnb

    def market_id(self, symbol: str) -> str:
        return symbol.replace("/", "")

    def market(self, symbol: str) -> dict[str, Any]:
        del symbol
        return self.fee

    async def fetch_balance(self) -> dict[str, Any]:
        return {"free": {"BNB": self._bnb}}

    async def fetch_trading_fee(self, symbol: str) -> dict[str, Any]:
        del symbol
        return {"maker": "0", "taker": "0.001"}


class Binance(Exchange):
    async def private_get_account_commission(self, params: dict[str, str]) -> Any:
        assert params == {"symbol": "BTCUSDT"}
        self.asked += 1
        if self.error is not None:
            raise self.error
        return COMMISSION


@pytest.mark.parametrize(
    ("exchange", "fees"),
    [
        pytest.param(Binance(), Fees(D("0.0021"), D("0.0033")), id="account/commission"),
        pytest.param(Binance(bnb="0.5"), Fees(D("0.00185"), D("0.0028")), id="with the discount, where it is paid for"),
        pytest.param(Exchange(fetchTradingFee=True), Fees(D(0), D("0.001")), id="a trading fee of zero, reported"),
        pytest.param(Exchange(), Fees(D("0.003"), D("0.004")), id="the market's public tier, for want of another"),
    ],
)
async def test_fees_are_those_of_account_and_symbol(exchange: Exchange, fees: Fees) -> None:
    assert await FeeReader(exchange).read("BTC/USDT", 0) == fees


async def test_an_unknown_fee_is_no_zero() -> None:
    silent = Exchange()
    silent.fee = {"maker": None, "taker": None}

    with pytest.raises(ValueError, match="no source reports the fees of BTC/USDT: give maker_fee and taker_fee"):
        await FeeReader(silent).read("BTC/USDT", 0)


async def test_an_endpoint_that_an_exchange_does_not_have_is_passed_over() -> None:
    older = Binance(fetchTradingFee=True)
    older.error = ccxt.BadRequest("404")

    assert await FeeReader(older).read("BTC/USDT", 0) == Fees(D(0), D("0.001"))


async def test_a_network_that_fails_makes_no_other_fee_count() -> None:
    exchange = Binance(fetchTradingFee=True)
    reader = FeeReader(exchange)
    exchange.error = ccxt.NetworkError("reset")
    with pytest.raises(ccxt.NetworkError):
        await reader.read("BTC/USDT", 0)

    exchange.error = None
    fees = await reader.read("BTC/USDT", 0)
    exchange.error = ccxt.NetworkError("reset")
    assert await reader.read("BTC/USDT", FRESH_MS + 1) == fees, "what was reported last counts"


async def test_fees_are_asked_for_once_in_a_while() -> None:
    exchange = Binance()
    reader = FeeReader(exchange)
    for now_ms in (0, 1_000, FRESH_MS - 1, FRESH_MS):
        await reader.read("BTC/USDT", now_ms)

    assert exchange.asked == 2


# -- when rules are read again


def test_rules_are_read_again_every_so_often_and_soon_after_a_refusal_that_they_may_explain() -> None:
    age = MarketRefresh()
    assert not age.due(0), "the connecting has read them"
    age.read(0)

    assert not age.due(EVERY_MS - 1)
    assert age.due(EVERY_MS)
    age.refused(Refusal.INSUFFICIENT_FUNDS)
    assert not age.due(SOON_MS)
    age.refused(Refusal.INVALID_ORDER)
    assert not age.due(SOON_MS - 1)
    assert age.due(SOON_MS)
    age.read(SOON_MS)
    assert not age.due(SOON_MS + 1)
    assert age.due(SOON_MS - 1), "the clock went back"
