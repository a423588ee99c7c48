"""Fees of an account in one market, as the exchange reports them for account and symbol.

Binance: account/commission; standard, special and tax are added, and the discount is applied if it is paid for. Other
exchanges: ccxt's trading fee of the symbol. The public tier of the market is used only without these, and that is
logged. A fee that is not reported is an error, not zero.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ccxt  # noqa: TID251  # one of the adapter's modules

from executor.venue.ccxt.convert import money
from gridcore.model.money import ZERO

FRESH_MS = 3_600_000  # fees depend on a month's volume and change rarely
DOUBTED_MS = 5_000  # while fills contradict them, or a grid is refused for them
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fees:
    """The account's fees in a symbol, as fractions: 0.001 is 0.1 %."""

    maker: Decimal
    taker: Decimal


class FeeReader:
    """Reads fees and caches them."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._known: dict[str, tuple[int, Fees]] = {}
        self._doubted: set[str] = set()
        self._said: set[str] = set()

    async def read(self, symbol: str, now_ms: int) -> Fees:
        """Returns the account's fees in a market. Raises ccxt's errors, and ValueError if no source reports them."""
        known = self._known.get(symbol)
        fresh_ms = DOUBTED_MS if symbol in self._doubted else FRESH_MS
        if known is not None and now_ms - known[0] < fresh_ms:
            return known[1]
        self._doubted.discard(symbol)
        try:
            fees = await self._ask(symbol)
        except ccxt.NetworkError:
            if known is None:
                raise
            return known[1]
        self._known[symbol] = (now_ms, fees)
        return fees

    def doubt(self, symbol: str) -> None:
        """Marks the fees of a market as doubtful: they are read again some seconds after the last read."""
        self._doubted.add(symbol)

    async def _ask(self, symbol: str) -> Fees:
        for told in (self._commission, self._trading_fee):
            try:
                fees = await told(symbol)
            except ccxt.AuthenticationError:
                raise
            except (ccxt.ExchangeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
                _log.info("the fees of %s by %s: %s: %s", symbol, told.__name__, type(error).__name__, error)
            else:
                if fees is not None:
                    return fees
        return self._public_tier(symbol)

    async def _commission(self, symbol: str) -> Fees | None:
        ask = getattr(self._client, "private_get_account_commission", None)
        if ask is None:
            return None
        reply = await ask({"symbol": self._client.market_id(symbol)})
        discount = reply.get("discount") or {}
        asset = discount.get("discountAsset")
        wanted = discount.get("enabledForAccount") and discount.get("enabledForSymbol") and asset
        paid = bool(wanted) and await self._owns(str(asset))
        return of_commission(reply, money(discount["discount"]) if paid else Decimal(1))

    async def _owns(self, asset: str) -> bool:
        free = (await self._client.fetch_balance())["free"].get(asset)
        return free is not None and money(free) > 0

    async def _trading_fee(self, symbol: str) -> Fees | None:
        if self._client.has.get("fetchTradingFee"):
            fee = await self._client.fetch_trading_fee(symbol)
        elif self._client.has.get("fetchTradingFees"):
            fee = (await self._client.fetch_trading_fees()).get(symbol)
        else:
            return None
        return None if fee is None else _told(fee)

    def _public_tier(self, symbol: str) -> Fees:
        fees = _told(self._client.market(symbol))
        if fees is None:
            raise ValueError(f"no source reports the fees of {symbol}: give maker_fee and taker_fee in its [[grids]]")
        if symbol not in self._said:
            self._said.add(symbol)
            _log.warning(
                "%s: the account's fees are not available, so the market's public tier is used: maker %s, taker %s; "
                "maker_fee and taker_fee in its [[grids]] override it", symbol, fees.maker, fees.taker,
            )  # fmt: skip
        return fees


def of_commission(reply: Mapping[str, Any], discount: Decimal) -> Fees:
    """Returns the fees of account/commission: the sum of its three kinds, the higher of buyer and seller.

    The discount applies to the standard kind.
    """
    maker = taker = ZERO
    for kind, factor in (("standardCommission", discount), ("specialCommission", None), ("taxCommission", None)):
        rates = reply.get(kind)
        if rates is None and kind != "standardCommission":
            continue
        it = reply[kind]
        side = max(money(it.get("buyer") or 0), money(it.get("seller") or 0))
        times = Decimal(1) if factor is None else factor
        maker += (money(it["maker"]) + side) * times
        taker += (money(it["taker"]) + side) * times
    return Fees(maker, taker)


def _told(fee: Mapping[str, Any]) -> Fees | None:
    maker, taker = fee.get("maker"), fee.get("taker")
    return None if maker is None or taker is None else Fees(money(maker), money(taker))
