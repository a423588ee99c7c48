"""Runs all measurements of a venue, one after another, and builds its profile."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from executor.venue.ccxt.client import make_client
from executor.venue.ccxt.venue import CcxtVenue
from executor.venue.clock import VenueClock
from executor.venue.conformance import expiry, id_rules, malformed_requests, visibility
from executor.venue.conformance.probe_trader import ProbeTrader
from executor.venue.conformance.refusals import MalformedOrder, refusals
from executor.venue.conformance.worst_case_cost import WorstCaseCost
from executor.venue.port import ReadFailedError, TradeCursor, UnknownSymbolError, VenueError, VenueOrder
from executor.venue.profile import Delay, RepeatedId, Source, VenueProfile
from executor.venue.settings import VenueSettings
from gridcore.model.money import canonical
from gridcore.model.orders import OrderStatus
from gridservice.config_file import ConfigError

_FILL_MS = 10_000
_HOUR_MS = 3_600_000

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Session:
    """A connected venue, with the worst-case cost of the measurements."""

    settings: VenueSettings
    client: Any
    trader: ProbeTrader

    @property
    def cost(self) -> WorstCaseCost:
        """What the measurements may cost at worst, for the question before they start."""
        return self.trader.cost


@contextlib.asynccontextmanager
async def open_session(
    settings: VenueSettings, symbol: str, stopping: Callable[[], bool] = lambda: False, gap_ms: int = 0
) -> AsyncIterator[Session]:
    """Connects to the venue and sends nothing yet. Later no two places are sent within `gap_ms`.

    Raises VenueError if it does not answer or refuses the keys.
    """
    client = make_client(settings)
    venue, clock = CcxtVenue(client, settings.request_window_ms), VenueClock()
    try:
        await clock.measure(venue)
        for sentence in (await venue.connect((symbol,))).values():
            raise UnknownSymbolError(sentence)
        rules = await venue.market_rules(symbol)
        balances = {each.asset: each.free for each in await venue.balances()}
        cost = WorstCaseCost(
            rules, await malformed_requests.best_ask(client, symbol), balances.get(rules.quote, rules.lot_size * 0)
        )
        yield Session(settings, client, ProbeTrader(venue, clock, cost, stopping=stopping, gap_ms=gap_ms))
    finally:
        await venue.close()


def check_balance(cost: WorstCaseCost) -> None:
    """Raises ConfigError if the account cannot pay for the orders of the measurements."""
    if cost.free_quote < cost.needed:
        have, quote = canonical(cost.free_quote), cost.rules.quote
        raise ConfigError("account", f"{have} {quote}", f"it must hold {cost.needed:.8f} {quote}; move some there")


async def measure(open_session: Session, venue: str, samples: int, tell: Tell) -> VenueProfile:
    """Measures the profile. Any error may leave orders behind: the caller must await `ProbeTrader.clean_up`."""
    trader, settings = open_session.trader, open_session.settings
    tell("a repeated client id: while the first order is open, after it is cancelled, after it is filled")
    repeated = RepeatedId(
        open=await id_rules.repeated_while_open(trader), cancelled=await id_rules.repeated_after_cancel(trader)
    )
    row = VenueProfile(
        venue=venue,
        exchange=settings.exchange,
        source=Source.MEASURED,
        as_of=datetime.now(UTC).date().isoformat(),
        ccxt=malformed_requests.VERSION,
        batch_size=malformed_requests.claimed_batch(open_session.client),
        history_hours=await malformed_requests.history_hours(
            open_session.client, trader.symbol, trader.clock.venue_ms()
        ),
        repeated_id=repeated,
    )
    row = await _with_fill(open_session, row)
    tell(f"how soon each look-up shows a new order: {samples} samples")
    delays = (*await visibility.order_delays(trader, samples), *row.delays)
    tell("client ids: lengths up to 64, characters")
    row = replace(
        row, delays=delays, visibility_lag_ms=visibility.lag_ms(delays), client_id=await id_rules.client_ids(trader)
    )
    tell("whether requests expire")
    row = replace(row, requests_expire=await _expire(open_session))
    tell("refusals")
    return replace(row, refusals=await _refusals(open_session))


async def _with_fill(open_session: Session, row: VenueProfile) -> VenueProfile:
    """Measures with one small fill: its trades, its fee, and whether its id is accepted again."""
    trader = open_session.trader
    filled, answered_ms = await _fill(trader)
    if filled is None:
        return row
    delays: tuple[Delay, ...] = await visibility.trade_delays(trader, filled, answered_ms)
    return replace(
        row,
        delays=delays,
        repeated_id=replace(row.repeated_id, filled=await id_rules.repeat(trader, filled)),
        fee_of_buy=await _fee_of_buy(trader, filled),
        trades_carry_client_id=await malformed_requests.trades_tell_client_id(open_session.client, filled),
    )


async def _fill(trader: ProbeTrader) -> tuple[VenueOrder | None, int]:
    """Returns a buy that was filled completely, and when its place was answered.

    If it is not filled in time it is cancelled, and None is returned.
    """
    try:
        placed = await trader.place(trader.crossing())
    except VenueError:
        return None, 0
    answered_ms = trader.timer.now_ms()
    seen: VenueOrder | None = placed
    while seen is None or seen.status is OrderStatus.OPEN:
        if trader.timer.now_ms() - answered_ms > _FILL_MS:
            await trader.take_down(placed.exchange_order_id)
            return None, 0
        await trader.timer.pause(100)
        seen = await trader.venue.order_by_id(trader.symbol, placed.exchange_order_id)
    return (placed, answered_ms) if seen.status is OrderStatus.FILLED else (None, 0)


async def _fee_of_buy(trader: ProbeTrader, filled: VenueOrder) -> str:
    rules, since_ms = trader.cost.rules, trader.clock.venue_ms() - _HOUR_MS
    try:
        trades = await trader.venue.trades_after(trader.symbol, TradeCursor("", since_ms))
    except ReadFailedError:
        return ""
    names = {rules.base: "base", rules.quote: "quote"}
    assets = [each.fill.fee_asset for each in trades if each.exchange_order_id == filled.exchange_order_id]
    return names.get(assets[0], assets[0]) if assets else ""


async def _expire(open_session: Session) -> bool:
    long_window = CcxtVenue(open_session.client, expiry.LONG_MS)
    short_window = CcxtVenue(open_session.client, expiry.SHORT_MS)
    return await expiry.requests_expire(open_session.trader, long_window.place, short_window.place)


async def _refusals(open_session: Session) -> tuple[Any, ...]:
    settings, cost, client = open_session.settings, open_session.cost, open_session.client
    window_ms = settings.request_window_ms
    off_tick = canonical(cost.far_price + cost.rules.tick_size / 2)
    keys = settings.credentials
    stranger = make_client(replace(settings, credentials=replace(keys, secret=keys.secret[::-1] + "x")))
    stranger.set_markets(client.markets)
    try:
        bent = MalformedOrder(
            off_tick=malformed_requests.MalformingVenue(client, window_ms, {"price": off_tick}).place,
            unknown_symbol=malformed_requests.MalformingVenue(client, window_ms, {"symbol": "NOSUCHSYMBOL"}).place,
            wrong_secret=CcxtVenue(stranger, window_ms).place,
        )
        return await refusals(open_session.trader, bent, keys.struck_from)
    finally:
        await stranger.close()
