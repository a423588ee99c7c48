"""A real simex in the test's own process: real HTTP, websockets and control, its book in the test's folder."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gridrpc.channel import open_channel
from gridservice.clock import now_ms
from gridsim.account import Balance
from gridsim.market import Liquidity, Queue
from gridsim.orders import Side
from gridsim.rules import SymbolRules
from gridwright.v1 import models_pb2, simex_pb2, simex_pb2_grpc
from simex.access.keys import ApiKey
from simex.access.limits import LimitSettings
from simex.config import MarketSettings, Settings
from simex.faults.kinds import Fault
from simex.server import serving

# Two assets and a market that moves only by Advance, which suits most tests. The first trade at an order's price fills
# it: few tests are about the queue.
STILL_MARKET = MarketSettings(SymbolRules("BTC/USDT"), Liquidity(queue=Queue.FRONT), running=False, seed=7)
NO_LIMITS = LimitSettings(enabled=False)  # tests send requests faster than any client may
BALANCES: Mapping[str, Decimal] = {"BTC": Decimal(1), "USDT": Decimal(100_000)}


@dataclass(frozen=True, slots=True)
class SimexHandle:
    """A running simex. Below `http_url` lie `/api/v3`, `/ws`, `/stream` and `/ws-api/v3`, the same paths as Binance's.

    For ccxt, replace scheme and host of every string under `urls["api"]` and keep its path.
    """

    http_url: str
    control_address: str
    control: "simex_pb2_grpc.SimexAsyncStub"
    api_key: str
    api_secret: str

    async def advance(self, events: int, symbol: str = "BTC/USDT") -> simex_pb2.MarketStatus:
        """Processes market events; returns once they are on disk and published."""
        return await self.control.Advance(simex_pb2.AdvanceRequest(symbol=symbol, events=events))

    async def inject(
        self, price: str, quantity: str, taker: Side = Side.SELL, symbol: str = "BTC/USDT"
    ) -> simex_pb2.MarketStatus:
        """Lets others trade at a price, as if the market had moved there."""
        side = models_pb2.SIDE_BUY if taker is Side.BUY else models_pb2.SIDE_SELL
        request = simex_pb2.InjectTradeRequest(symbol=symbol, price=price, quantity=quantity, side=side)
        return await self.control.InjectTrade(request)

    async def deposit(self, asset: str, amount: str, account: str = "main") -> simex_pb2.TrueBalance:
        """Deposits to an account; below zero it is withdrawn."""
        return await self.control.Deposit(simex_pb2.DepositRequest(account=account, asset=asset, amount=amount))

    async def set_rules(
        self, symbol: str = "BTC/USDT", *, keep_orders: bool = False, reset: bool = False, **rules: Any
    ) -> simex_pb2.VenueRules:
        """Changes a symbol's rules; the names are those of the message VenueRules, `status` without its prefix."""
        if "status" in rules:
            rules["status"] = simex_pb2.TradingStatus.Value(f"TRADING_STATUS_{rules['status']}")
        given = simex_pb2.VenueRules(**rules)
        return await self.control.SetMarketRules(
            simex_pb2.SetMarketRulesRequest(symbol=symbol, rules=given, keep_orders=keep_orders, reset=reset)
        )

    async def set_commission(self, account: str = "", symbol: str = "", **kinds: Mapping[str, Any]) -> None:
        """Sets an account's commission: `standard={"maker": "0"}`, `special`, `tax`, `discount`; none: resets it."""
        parts: dict[str, Any] = dict(kinds)
        commission = simex_pb2.Commission(**parts) if kinds else None
        request = simex_pb2.SetCommissionRequest(account=account, symbol=symbol, commission=commission)
        await self.control.SetCommission(request)

    async def set_keys(self, code: int = 0, account: str = "main", **more: Any) -> None:
        """Refuses an account's keys with -2014 or -2015; 0 accepts them again."""
        await self.control.SetKeys(simex_pb2.SetKeysRequest(code=code, account=account, **more))

    async def set_limits(self, **limits: Any) -> simex_pb2.VenueLimits:
        """Changes limits; the names are those of the message VenueLimits."""
        return await self.control.SetLimits(simex_pb2.VenueLimits(**limits))

    async def forget_order(self, client_order_id: str, symbol: str = "BTC/USDT", account: str = "main") -> None:
        """Ends an open order silently, and hides it from look-ups."""
        request = simex_pb2.ForgetOrderRequest(symbol=symbol, client_order_id=client_order_id, account=account)
        await self.control.ForgetOrder(request)

    async def wipe(self) -> simex_pb2.WipeResponse:
        """Resets the exchange: orders and trades are deleted, ids begin at 1 again."""
        return await self.control.Wipe(simex_pb2.WipeRequest())

    async def fault(self, kind: str, **settings: Any) -> int:
        """Activates a fault; its id. The settings are those of the message Fault, the kind without its prefix."""
        fault = simex_pb2.Fault(kind=simex_pb2.FaultKind.Value(f"FAULT_KIND_{kind}"), **settings)
        return (await self.control.AddFault(simex_pb2.AddFaultRequest(fault=fault))).id

    async def requests(self, endpoint: str = "", after_seq: int = 0) -> list[simex_pb2.ReceivedRequest]:
        """Requests received after a number, of one endpoint if it is named: filtered from at most 1,000."""
        answer = await self.control.ListReceived(simex_pb2.ListReceivedRequest(after_seq=after_seq))
        return [each for each in answer.requests if endpoint in {"", each.endpoint}]

    async def received(
        self, endpoint: str, so: Callable[[simex_pb2.ReceivedRequest], bool] = lambda _: True, after_seq: int = 0
    ) -> simex_pb2.ReceivedRequest:
        """The first request for an endpoint that matches, once there is one. Raises TimeoutError after a minute."""
        async with asyncio.timeout(60):
            while True:
                for each in await self.requests(endpoint, after_seq):
                    if so(each):
                        return each

    async def truth(self) -> simex_pb2.Truth:
        """The whole book on disk."""
        return await self.control.GetTruth(simex_pb2.GetTruthRequest())


@contextlib.asynccontextmanager
async def running_simex(
    tmp_path: Path,
    markets: Sequence[MarketSettings] = (STILL_MARKET,),
    balances: Mapping[str, Decimal] = BALANCES,
    clock_ms: Callable[[], int] = now_ms,
    limits: LimitSettings = NO_LIMITS,
    faults: Sequence[Fault] = (),
    accounts: Mapping[str, Mapping[str, Decimal]] = MappingProxyType({}),
    keys: Sequence[ApiKey] = (),
) -> AsyncIterator[SimexHandle]:
    """Serves for the block. The same folder continues with the same book.

    `balances` are the main account's; `accounts` and `keys` are additional ones.
    """
    settings = Settings(
        markets=tuple(markets),
        balances=_balances(balances),
        data_dir=tmp_path / "simex",
        limits=limits,
        faults=tuple(faults),
        accounts={name: _balances(held) for name, held in accounts.items()},
        keys=tuple(keys),
    )
    async with serving(settings, clock_ms) as simex, open_channel(simex.control_address) as channel:
        await channel.channel_ready()
        stub = simex_pb2_grpc.SimexStub(channel)
        yield SimexHandle(simex.http_url, simex.control_address, stub, settings.api_key, settings.api_secret)


def _balances(held: Mapping[str, Decimal]) -> tuple[Balance, ...]:
    return tuple(Balance(asset, amount) for asset, amount in held.items())
