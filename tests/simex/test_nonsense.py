"""Any invalid input is answered by a refusal in Binance's terms, never by a failure."""

import contextlib
import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridsim.account import MAIN, Balance
from gridsim.market import Liquidity
from gridsim.rules import Reason, Refused, SymbolRules
from gridsim.simulation import Simulation
from simex.access.limits import Limits, LimitSettings
from simex.api.endpoints import private_endpoints, public_endpoints, trading_endpoints
from simex.api.private_api import PrivateApi
from simex.api.public_api import PublicApi
from simex.api.trading_api import TradingApi
from simex.exchange.store import Store
from simex.exchange.venue import Listing, Venue
from simex.market_data.record import PublicRecord
from simex.protocol.call import Call
from simex.protocol.errors import ApiError, of_refusal
from simex.protocol.params import Params

RULES = SymbolRules("BTC/USDT")
NAMES = [
    "symbol", "symbols", "side", "type", "timeInForce", "quantity", "price", "newClientOrderId", "orderId", "limit",
    "origClientOrderId", "startTime", "endTime", "fromId", "interval", "newOrderRespType", "quoteOrderQty",
    "cancelReplaceMode", "cancelOrderId", "cancelOrigClientOrderId", "cancelRestrictions", "selfTradePreventionMode",
    "strategyId", "strategyType", "preventedMatchId", "computeCommissionRates", "windowSize", "timeZone",
]  # fmt: skip
WORDS = [
    "BTCUSDT", "BUY", "SELL", "LIMIT", "LIMIT_MAKER", "MARKET", "GTC", "IOC", "FOK", "0", "1", "0.01", "59000", "60000",
    "60010", "9" * 20, "9" * 18, "0.00000001", "9" * 20 + ".00000001", "1e5", "-1", "NaN", "", "1m", "[]",
    '["BTCUSDT"]', "null", '{"a":1}', "FULL", "\x00", "٣", "ALLOW_FAILURE", "STOP_ON_FAILURE", "ONLY_NEW", "NONE",
    "EXPIRE_BOTH", "true", "1000000",
]  # fmt: skip


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    store = Store(tmp_path / "book.sqlite")
    listing = Listing(RULES, Liquidity(), Simulation(RULES, 7, Decimal(60_000)), "simulation 7")
    yield Venue([listing], {MAIN: [Balance("USDT", Decimal(10**6)), Balance("BTC", Decimal(10))]}, store)
    store.close()


@given(data=st.data())
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_endpoint_answers_or_refuses_whatever_it_is_sent(venue: Venue, data: st.DataObject) -> None:
    record = PublicRecord(venue.listings)
    public = PublicApi(venue, record, Limits(LimitSettings()))
    trading, private = TradingApi(venue, public.symbol), PrivateApi(venue, public.symbol, Limits(LimitSettings()))
    endpoints = (*public_endpoints(public), *trading_endpoints(trading), *private_endpoints(private))
    endpoint = data.draw(st.sampled_from(endpoints))
    sent = data.draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(WORDS) | st.text(max_size=24)))
    likely = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "59000",
    }

    with contextlib.suppress(Refused, ApiError):
        endpoint.run(Call(Params(likely | sent), next(_clock), "main"))

    assert all(each.free >= 0 and each.locked >= 0 for each in venue.balances(MAIN))


@pytest.mark.parametrize("reason", Reason)
def test_every_refusal_has_a_code(reason: Reason) -> None:
    assert of_refusal(Refused(reason)).code < 0


_clock = itertools.count(1_700_000_000_000)
