"""Any sequence of faults, orders, cancels and market events, through the gateway as clients send them: coins are
conserved, and a request that was refused or never arrived has changed nothing.
"""

import asyncio
import hashlib
import hmac
import shutil
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gridsim.account import Balance
from gridsim.market import Liquidity, MarketTrade
from gridsim.orders import Side
from gridsim.rules import SymbolRules
from gridsim.simulation import Simulation
from simex.access.keys import ApiKey, Keys
from simex.access.limits import Limits, LimitSettings
from simex.access.request_log import RequestLog
from simex.api.endpoints import private_endpoints, trading_endpoints
from simex.api.fault_gateway import Arrival, FaultGateway
from simex.api.gateway import Gateway
from simex.api.private_api import PrivateApi
from simex.api.trading_api import TradingApi
from simex.clock import VenueClock
from simex.exchange.store import Store
from simex.exchange.venue import Listing, Venue
from simex.faults.cancel_race import CancelRace
from simex.faults.kinds import FORMS, Fault, Kind, Occasion
from simex.faults.plan import FaultPlan
from simex.faults.visibility import Visibility
from simex.protocol.call import Request
from simex.protocol.params import Params

BTC = "BTC/USDT"
RULES = SymbolRules(BTC)
START = {"ann": {"USDT": Decimal(5000), "BTC": Decimal(1)}, "bob": {"USDT": Decimal(90_000), "BTC": Decimal(2)}}
NEEDED = {"delay_ms": 1, "status": 502, "code": -1006}

accounts = st.sampled_from(list(START))
prices = st.integers(59_950, 60_050)
kinds = st.sampled_from([kind for kind in Kind if FORMS[kind].occasion is not Occasion.EVENT])


class FaultyMachine(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 2**32))
    def open(self, seed: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.now_ms = 1_700_000_000_000
        clock = VenueClock(lambda: self.now_ms)
        self.store = Store(self.folder / "book.sqlite")
        start = {name: [Balance(*each) for each in held.items()] for name, held in START.items()}
        source = Simulation(RULES, seed, Decimal(60_000))
        self.venue = Venue([Listing(RULES, Liquidity(), source, "simulation")], start, self.store)
        self.plan = FaultPlan(seed)
        visibility = Visibility(self.plan, clock)
        self.venue.listen(visibility.note)
        keys = Keys(ApiKey(name, name, name) for name in START)
        limits = Limits(LimitSettings(enabled=False))
        trading, private = TradingApi(self.venue, lambda _: BTC), PrivateApi(self.venue, lambda _: BTC, limits)
        gateway = Gateway((*trading_endpoints(trading), *private_endpoints(private)), keys, limits, clock)
        self.endpoints = {each.name: each for each in gateway.by_route.values()}
        self.log = RequestLog()
        self.front = FaultGateway(gateway, self.plan, self.log, visibility, CancelRace(self.venue), clock)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.runner.close()
            self.store.close()
            shutil.rmtree(self.folder)

    @rule(kind=kinds, done=st.booleans(), probability=st.sampled_from(["1", "0.5"]), count=st.integers(0, 3))
    def add_fault(self, kind: Kind, done: bool, probability: str, count: int) -> None:
        form = FORMS[kind]
        given: dict[str, Any] = {name: NEEDED[name] for name in form.needs}
        given |= {"hold_ms": 1} if "hold_ms" in form.reads else {}
        given |= {"done": done} if "done" in form.reads else {}
        self.plan.add(Fault(kind, probability=Decimal(probability), count=count, **given))

    @rule()
    def clear_faults(self) -> None:
        self.plan.clear()

    @rule(account=accounts, side=st.sampled_from(Side), price=prices, lots=st.integers(1, 5000),
          force=st.sampled_from(["GTC", "IOC", "FOK"]), name=st.sampled_from("abc"))  # fmt: skip
    def place(self, account: str, side: Side, price: int, lots: int, force: str, name: str) -> None:
        quantity = lots * RULES.lot_size
        self.ask("POST order", account, side=side.value, type="LIMIT", timeInForce=force, price=str(price),
                 quantity=f"{quantity:f}", newClientOrderId=name)  # fmt: skip

    @rule(account=accounts, name=st.sampled_from("abc"))
    def cancel(self, account: str, name: str) -> None:
        self.ask("DELETE order", account, origClientOrderId=name)

    @rule(account=accounts, endpoint=st.sampled_from(["GET openOrders", "GET allOrders", "GET myTrades"]))
    def look(self, account: str, endpoint: str) -> None:
        self.ask(endpoint, account)

    @rule(account=accounts)
    def cancel_all(self, account: str) -> None:
        self.ask("DELETE openOrders", account)

    @rule(side=st.sampled_from(Side), price=prices, lots=st.integers(1, 5000))
    def trade(self, side: Side, price: int, lots: int) -> None:
        self.now_ms += 1
        self.venue.inject(BTC, MarketTrade(0, Decimal(price), lots * RULES.lot_size, side), self.now_ms)

    @invariant()
    def coins_are_conserved_and_locked_is_what_open_orders_hold(self) -> None:
        for account, start in START.items():
            expected, held = dict(start), dict.fromkeys(start, Decimal(0))
            for trade in self.store.all_trades(BTC):
                if trade.account == account:
                    sign = 1 if trade.side is Side.BUY else -1
                    expected["BTC"] += sign * trade.quantity
                    expected["USDT"] -= sign * trade.quantity * trade.price
                    expected[trade.commission_asset] -= trade.commission
            for order in self.venue.open_orders(account, BTC):
                buys = order.side is Side.BUY
                held["USDT" if buys else "BTC"] += order.remaining * (order.price if buys else 1)
            balances = {each.asset: each for each in self.venue.balances(account)}
            assert expected == {asset: each.total for asset, each in balances.items()}
            assert held == {asset: each.locked for asset, each in balances.items()}
            assert all(each.free >= 0 for each in balances.values())

    def ask(self, name: str, account: str, **params: str) -> None:
        self.now_ms += 1
        params |= {"symbol": "BTCUSDT", "timestamp": str(self.now_ms)}
        text = "&".join(f"{key}={value}" for key, value in params.items())
        signature = hmac.new(account.encode(), text.encode(), hashlib.sha256).hexdigest()
        request = Request(Params(params | {"signature": signature}), account, text, "127.0.0.1")
        before = self.everything()
        arrival = self.front.receive(self.endpoints[name], request, "REST")
        self.runner.run(self.served(arrival))
        reported, fault = arrival.noted, arrival.fault
        if fault is not None and never_arrives(fault):
            assert not reported.reached
            assert self.everything() == before, reported
        crossed = any(each.fault.kind is Kind.CANCEL_CROSSES_FILL for each in self.plan.faults)
        if (reported.status != 200 or name.startswith("GET")) and not crossed:
            assert self.everything() == before, reported
        assert reported.reached or reported.fault, reported  # nothing here is refused at the door

    async def served(self, arrival: Arrival) -> None:
        if arrival.fault is None:
            self.front.answer(arrival)
        else:
            await self.front.suffer(arrival.fault, arrival)

    def everything(self) -> object:
        balances = {account: sorted(self.venue.balances(account), key=lambda each: each.asset) for account in START}
        return self.store.all_orders(), self.store.all_trades(BTC), balances


def never_arrives(fault: Fault) -> bool:
    if fault.kind in {Kind.STATUS, Kind.ERROR_CODE}:
        return not fault.done
    return fault.kind in {Kind.TIMEOUT_BEFORE, Kind.RESET_BEFORE}


TestFaultyMachine = FaultyMachine.TestCase
TestFaultyMachine.settings = settings(max_examples=25, stateful_step_count=30, deadline=None, print_blob=True)
