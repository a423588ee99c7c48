"""Markets and grid configs for tests."""

from decimal import Decimal

from gridcore.model.config import GridConfig, GridMode, RiskConfig
from gridcore.model.market_rules import MarketRules

D = Decimal

MARKET = MarketRules(
    symbol="BTC/USDT",
    base="BTC",
    quote="USDT",
    tick_size=D("0.01"),
    lot_size=D("0.00001"),
    min_quantity=D("0.00001"),
    min_notional=D(5),
    maker_fee=D("0.001"),
    taker_fee=D("0.001"),
)


def grid(mode: GridMode = GridMode.LONG, **changes: object) -> GridConfig:
    """A grid around 60000 with levels 300 apart, five orders a side, 100 USDT a slot."""
    settings: dict[str, object] = {
        "symbol": MARKET.symbol,
        "mode": mode,
        "anchor": D(60000),
        "interval": D(300),
        "quote_per_slot": D(100),
        "buy_window": 3,
        "sell_window": 3,
        "window_slack": 1,
        "risk": RiskConfig(),
    }
    return GridConfig(**{**settings, **changes})  # type: ignore[arg-type]  # the test says what it means
