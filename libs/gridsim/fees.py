"""Trading fees: Binance's commission rates of an account in a symbol, and the amounts that follow from them.

Source: faqs/commission_faq.md of binance/binance-spot-api-docs, July 2026.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from gridsim.account import ZERO
from gridsim.orders import Side
from gridsim.rules import COMMISSION_STEP, SymbolRules

EVERY = ""  # instead of an account's or a symbol's name


@dataclass(frozen=True, slots=True)
class Rates:
    """Fractions of what a trade gives. An order pays either maker or taker, plus either buyer or seller."""

    maker: Decimal = ZERO
    taker: Decimal = ZERO
    buyer: Decimal = ZERO
    seller: Decimal = ZERO

    def of(self, side: Side, *, maker: bool) -> Decimal:
        """Returns the rate of one fill."""
        return (self.maker if maker else self.taker) + (self.buyer if side is Side.BUY else self.seller)


@dataclass(frozen=True, slots=True)
class Discount:
    """Factor `rate` on the standard commission if it is paid in `asset`; Binance's own 0.75 is 25 % less."""

    for_account: bool = False
    for_symbol: bool = False
    asset: str = "BNB"
    rate: Decimal = ZERO

    @property
    def enabled(self) -> bool:
        """Whether fees are paid in the discount's asset, if there is enough of it."""
        return self.for_account and self.for_symbol


@dataclass(frozen=True, slots=True)
class Commission:
    """Everything that an account pays in a symbol: GET account/commission."""

    standard: Rates
    special: Rates = Rates()
    tax: Rates = Rates()
    discount: Discount = Discount()

    def rate(self, side: Side, *, maker: bool) -> Decimal:
        """Returns what a fill costs without a discount, as a fraction of what it gives."""
        return sum((each.of(side, maker=maker) for each in (self.standard, self.special, self.tax)), ZERO)

    def discounted_rate(self, side: Side, *, maker: bool) -> Decimal:
        """Returns the discounted rate, before conversion to the discount's asset: only the standard part is reduced."""
        standard = self.standard.of(side, maker=maker) * self.discount.rate
        return standard + self.special.of(side, maker=maker) + self.tax.of(side, maker=maker)


@dataclass(frozen=True, slots=True)
class Fee:
    """Fee of a fill. `asset` empty: zero, and no fee asset (a fault: Binance has been seen to return null)."""

    amount: Decimal
    asset: str


class FeeSchedule:
    """Commissions in force: those set for an account and a symbol, otherwise those of the symbol's rules.

    `price_of` returns the price of one asset in another, None if no market gives it. `waives` returns whether an
    account's next fill is to carry no fee and no fee asset at all.
    """

    def __init__(self, commissions: Mapping[tuple[str, str], Commission] | None = None) -> None:
        self._set = dict(commissions or {})
        self.price_of: Callable[[str, str], Decimal | None] = lambda _asset, _quote: None
        self.waives: Callable[[str], bool] = lambda _account: False

    def set(self, account: str, symbol: str, commission: Commission | None) -> None:
        """Sets what an account pays in a symbol. EVERY: all accounts or all symbols. None removes the setting."""
        if commission is None:
            self._set.pop((account, symbol), None)
        else:
            self._set[account, symbol] = commission

    def of(self, account: str, rules: SymbolRules) -> Commission:
        """Returns what the account pays in the symbol: the most specific setting applies."""
        for key in ((account, rules.symbol), (account, EVERY), (EVERY, rules.symbol), (EVERY, EVERY)):
            if key in self._set:
                return self._set[key]
        return Commission(Rates(maker=rules.maker_fee, taker=rules.taker_fee))

    def fee(self, account: str, rules: SymbolRules, side: Side, gives: tuple[str, Decimal], *, maker: bool) -> Fee:
        """Returns the fee of a fill without a discount; `gives` is the asset and amount that the account receives."""
        asset, amount = gives
        return Fee(_cut(amount * self.of(account, rules).rate(side, maker=maker)), asset)

    def discounted(
        self, account: str, rules: SymbolRules, side: Side, gives: tuple[str, Decimal], *, maker: bool
    ) -> Fee | None:
        """Returns the fee in the discount's asset; None if the account has no discount or no market gives the price."""
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
