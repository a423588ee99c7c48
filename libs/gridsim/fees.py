"""What a trade costs its account: Binance's commission rates of an account in a symbol, and the amount that follows.

Source: faqs/commission_faq.md of binance/binance-spot-api-docs, July 2026.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from gridsim.account import ZERO
from gridsim.orders import Side
from gridsim.rules import COMMISSION_STEP, SymbolRules

EVERY = ""  # in place of an account's or a symbol's name


@dataclass(frozen=True, slots=True)
class Rates:
    """Fractions of what a trade gives; an order pays one of maker and taker, and one of buyer and seller."""

    maker: Decimal = ZERO
    taker: Decimal = ZERO
    buyer: Decimal = ZERO
    seller: Decimal = ZERO

    def of(self, side: Side, *, maker: bool) -> Decimal:
        """The rate of one fill."""
        return (self.maker if maker else self.taker) + (self.buyer if side is Side.BUY else self.seller)


@dataclass(frozen=True, slots=True)
class Discount:
    """The standard commission is multiplied by `rate` where it is paid in `asset`: Binance's own 0.75 is 25 % less."""

    for_account: bool = False
    for_symbol: bool = False
    asset: str = "BNB"
    rate: Decimal = ZERO

    @property
    def enabled(self) -> bool:
        """Whether fees are paid in the discount's asset, as far as there is enough of it."""
        return self.for_account and self.for_symbol


@dataclass(frozen=True, slots=True)
class Commission:
    """All that an account pays in a symbol: GET account/commission."""

    standard: Rates
    special: Rates = Rates()
    tax: Rates = Rates()
    discount: Discount = Discount()

    def rate(self, side: Side, *, maker: bool) -> Decimal:
        """What a fill costs where no discount applies, as a fraction of what it gives."""
        return sum((each.of(side, maker=maker) for each in (self.standard, self.special, self.tax)), ZERO)

    def discounted_rate(self, side: Side, *, maker: bool) -> Decimal:
        """What a fill costs in the discount's asset, before the exchange between the two: only the standard is less."""
        standard = self.standard.of(side, maker=maker) * self.discount.rate
        return standard + self.special.of(side, maker=maker) + self.tax.of(side, maker=maker)


@dataclass(frozen=True, slots=True)
class Fee:
    """What a fill costs. `asset` empty: nothing, and of no asset (a fault: Binance has been seen to say null)."""

    amount: Decimal
    asset: str


class FeeSchedule:
    """The commissions in force: those set for an account and a symbol, else what the symbol's rules say.

    `price_of` gives the price of one asset in another, None where no market tells it. `waives` says of an account
    whether its next fill is to carry no fee and no fee asset at all.
    """

    def __init__(self, commissions: Mapping[tuple[str, str], Commission] | None = None) -> None:
        self._set = dict(commissions or {})
        self.price_of: Callable[[str, str], Decimal | None] = lambda _asset, _quote: None
        self.waives: Callable[[str], bool] = lambda _account: False

    def set(self, account: str, symbol: str, commission: Commission | None) -> None:
        """Sets what an account pays in a symbol, EVERY for all of either; None: no longer anything of its own."""
        if commission is None:
            self._set.pop((account, symbol), None)
        else:
            self._set[account, symbol] = commission

    def of(self, account: str, rules: SymbolRules) -> Commission:
        """What the account pays in the symbol: the most particular setting counts."""
        for key in ((account, rules.symbol), (account, EVERY), (EVERY, rules.symbol), (EVERY, EVERY)):
            if key in self._set:
                return self._set[key]
        return Commission(Rates(maker=rules.maker_fee, taker=rules.taker_fee))

    def fee(self, account: str, rules: SymbolRules, side: Side, gives: tuple[str, Decimal], *, maker: bool) -> Fee:
        """The fee of a fill without a discount; `gives` is the asset and amount that the account receives."""
        asset, amount = gives
        return Fee(_cut(amount * self.of(account, rules).rate(side, maker=maker)), asset)

    def discounted(
        self, account: str, rules: SymbolRules, side: Side, gives: tuple[str, Decimal], *, maker: bool
    ) -> Fee | None:
        """The same in the discount's asset, None where the account has no discount or nothing tells its price."""
        commission, (asset, amount) = self.of(account, rules), gives
        paid_in = commission.discount.asset
        if not commission.discount.enabled:
            return None
        price = Decimal(1) if paid_in == asset else self.price_of(paid_in, asset)
        if not price:
            return None
        return Fee(_cut(amount * commission.discounted_rate(side, maker=maker) / price), paid_in)


def _cut(fee: Decimal) -> Decimal:
    return fee - fee % COMMISSION_STEP
