"""Balances of one account: free amounts and amounts locked by open orders, exact to the last digit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

ZERO = Decimal(0)
MAIN = "main"  # the account that always exists


@dataclass(frozen=True, slots=True)
class Balance:
    """Balance of one asset. Neither part is ever negative."""

    asset: str
    free: Decimal
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Free plus locked."""
        return self.free + self.locked


class Account:
    """Balances by asset. Every method keeps both parts at zero or above, or raises ValueError and changes nothing."""

    def __init__(self, balances: Iterable[Balance] = ()) -> None:
        self._balances = {balance.asset: balance for balance in balances}

    @property
    def balances(self) -> Mapping[str, Balance]:
        """Balances by asset, for every asset that the account has ever held."""
        return self._balances

    def of(self, asset: str) -> Balance:
        """Returns the asset's balance; zero if the account has never held it."""
        return self._balances.get(asset) or Balance(asset, ZERO)

    def move(self, asset: str, *, free: Decimal = ZERO, locked: Decimal = ZERO) -> None:
        """Adds to the asset's free and locked parts; negative amounts subtract."""
        now = self.of(asset)
        then = Balance(asset, now.free + free, now.locked + locked)
        if then.free < ZERO or then.locked < ZERO:
            raise ValueError(f"{asset}: {now.free}+{free} free, {now.locked}+{locked} locked is less than nothing")
        self._balances[asset] = then

    def hold(self, asset: str, amount: Decimal) -> None:
        """Locks a free amount for an order."""
        self.move(asset, free=-amount, locked=amount)

    def release(self, asset: str, amount: Decimal) -> None:
        """Unlocks an amount that an order held."""
        self.move(asset, free=amount, locked=-amount)
