"""The audit: compares the venue's oracle with state, journal and update log. Pure; `gather.py` collects the input.

Each number checks a promise of the design: duplicates P1, orphans P2, missing, twice and the differences P3.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from gridcore.model.ids import id_prefix, parse_client_order_id
from gridcore.model.money import ZERO, canonical
from gridwright.v1 import models_pb2, orchestrator_pb2, simex_pb2

_LIVE = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW"})  # Binance's names
_ENDED = frozenset(
    {
        models_pb2.ORDER_STATUS_FILLED,
        models_pb2.ORDER_STATUS_CANCELED,
        models_pb2.ORDER_STATUS_EXPIRED,
        models_pb2.ORDER_STATUS_REJECTED,
        models_pb2.ORDER_STATUS_NOT_PLACED,
    }
)


@dataclass(frozen=True, slots=True)
class Books:
    """Our records of one symbol: the state, every step of its journal, the executor's update log.

    The log is complete, or lacks its pruned entries, those up to offset `floor`.
    """

    state: models_pb2.State
    steps: Sequence[orchestrator_pb2.TradingStep]
    log: Sequence[models_pb2.OrderUpdate]
    floor: int = 0


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The audit's findings. Each is a sentence; in a correct run every tuple is empty and every difference 0."""

    fills: int  # trades of our orders on the venue
    duplicates: tuple[str, ...]  # client ids with several orders, slots with several live orders
    orphans: tuple[str, ...]  # live orders that no slot has, and orders of slots that are nowhere
    missing: tuple[str, ...]  # trades of our orders that no step applied
    twice: tuple[str, ...]  # trades applied or logged more than once
    position_diff: Mapping[str, Decimal]  # by base asset: the venue's change of it less the state's; 0 left out
    quote_diff: Mapping[str, Decimal]  # the same for the assets that are no grid's base
    unchecked: tuple[str, ...] = ()  # a sentence for each fact that could not be checked; not a finding

    @property
    def clean(self) -> bool:
        """Whether every promise held."""
        findings = (self.duplicates, self.orphans, self.missing, self.twice, self.position_diff, self.quote_diff)
        return not any(findings)

    def line(self) -> str:
        """The one line for scripts."""
        return (
            f"AUDIT fills={self.fills} duplicates={len(self.duplicates)} orphans={len(self.orphans)} "
            f"missing={len(self.missing)} twice={len(self.twice)} position_diff={difference(self.position_diff)}"
        )


def audit(bot: str, truth: simex_pb2.Truth, books: Sequence[Books]) -> AuditReport:
    """Compares the venue's oracle with all our records. An order is ours if its client id has the bot's prefix."""
    prefixes = tuple(id_prefix(bot, book.state.symbol) for book in books)
    orders = [order for order in truth.orders if order.client_order_id.startswith(prefixes)]
    trades = [trade for trade in truth.trades if trade.client_order_id.startswith(prefixes)]
    accounts = {order.account for order in orders}
    held = [balance for balance in truth.balances if balance.account in accounts]
    position_diff, quote_diff = _differences(held, books)
    return AuditReport(
        fills=len(trades),
        duplicates=tuple(_duplicates(orders)),
        orphans=tuple(_orphans(orders, books)),
        missing=tuple(_missing(trades, books)),
        twice=tuple(_twice(books)),
        position_diff=position_diff,
        quote_diff=quote_diff,
        unchecked=tuple(_unchecked(books)),
    )


def difference(by_asset: Mapping[str, Decimal]) -> str:
    """Formats differences: 0 if there are none, the amount if there is one, else each with its asset."""
    match list(by_asset.items()):
        case []:
            return "0"
        case [(_, amount)]:
            return canonical(amount)
        case several:
            return ",".join(f"{asset}:{canonical(amount)}" for asset, amount in several)


def _duplicates(orders: Sequence[simex_pb2.TrueOrder]) -> Iterator[str]:
    named = Counter((order.symbol, order.client_order_id) for order in orders)
    for (symbol, client_order_id), count in named.items():
        if count > 1:
            yield f"{count} orders on {symbol} are called {client_order_id}"
    slots = Counter((order.symbol, _slot(order)) for order in orders if order.status in _LIVE)
    for (symbol, slot), count in slots.items():
        if count > 1:
            yield f"{count} live orders on {symbol} work for slot {slot}"


def _slot(order: simex_pb2.TrueOrder) -> str:
    """The slot's level from the client id; an id without a level stands for itself."""
    name = parse_client_order_id(order.client_order_id)
    return order.client_order_id if name is None else f"at level {name.level}"


def _orphans(orders: Sequence[simex_pb2.TrueOrder], books: Sequence[Books]) -> Iterator[str]:
    live = {order.client_order_id for order in orders if order.status in _LIVE}
    known: set[str] = set()
    for book in books:
        ended = {update.client_order_id for update in book.log if update.status in _ENDED}
        for key, slot in book.state.slots.items():
            if not slot.HasField("order"):
                continue
            known.add(slot.order.client_order_id)
            if slot.order.client_order_id not in live | ended:
                yield f"slot {key} of {book.state.symbol} waits for {slot.order.client_order_id}, which is nowhere"
    for client_order_id in sorted(live - known):
        yield f"{client_order_id} is live on the venue and in no slot"


def _missing(trades: Sequence[simex_pb2.TrueTrade], books: Sequence[Books]) -> Iterator[str]:
    applied = {(book.state.symbol, trade_id) for book in books for trade_id in [*_applied(book), *_rebuilt(book)]}
    pruned = {book.state.symbol: _pruned_fills(book) for book in books}
    for trade in trades:
        if (trade.symbol, trade.trade_id) in applied:
            continue
        if pruned.get(trade.symbol, 0) > 0:  # the oldest trades: the rebuild counted them, and their updates are pruned
            pruned[trade.symbol] -= 1
        else:
            yield f"trade {trade.trade_id} of {trade.symbol} ({trade.fill.quantity} at {trade.fill.price}) in no step"


def _twice(books: Sequence[Books]) -> Iterator[str]:
    for book in books:
        logged = [update.fill.trade_id for update in book.log if update.HasField("fill")]
        for where, trade_ids in (("applied by the steps", _applied(book)), ("in the update log", logged)):
            for trade_id, count in Counter(trade_ids).items():
                if count > 1:
                    yield f"trade {trade_id} of {book.state.symbol} is {count} times {where}"


def _applied(book: Books) -> list[str]:
    """The trade ids of all fills that steps of the journal applied."""
    return [
        update.fill.trade_id
        for step in book.steps
        for update in step.plan.trigger.order_updates.updates
        if update.HasField("fill")
    ]


def _rebuilt(book: Books) -> Iterator[str]:
    """The trade ids that the last rebuild of the state counted; the journal before it may have been lost."""
    for update in book.log:
        if update.HasField("fill") and update.offset <= book.state.rebuilt.end_offset:
            yield update.fill.trade_id


def _pruned_fills(book: Books) -> int:
    """How many trades a rebuilt state counts whose updates are pruned: neither a step nor the log has their ids."""
    if not book.floor or not book.state.HasField("rebuilt"):
        return 0
    return max(0, book.state.totals.fills - len({*_applied(book), *_rebuilt(book)}))


def _unchecked(books: Sequence[Books]) -> Iterator[str]:
    for book in books:
        if book.floor:
            yield (
                f"the update log of {book.state.symbol} is pruned up to {book.floor}: that no trade is logged twice "
                "was looked at from there on"
            )
        if (pruned := _pruned_fills(book)) > 0:
            yield (
                f"{pruned} trades of {book.state.symbol} that the state was rebuilt with are in no journal and no log "
                "any more: they were counted and compared with the balances, not one by one"
            )


def _differences(
    balances: Iterable[simex_pb2.TrueBalance], books: Sequence[Books]
) -> tuple[Mapping[str, Decimal], Mapping[str, Decimal]]:
    """The account's change of each asset less the states' total change: base assets first, then the others."""
    changes: dict[str, Decimal] = {}
    for book in books:
        for asset, amount in _changes(book.state):
            changes[asset] = changes.get(asset, ZERO) + amount
    bases = {_assets(book.state)[0] for book in books}
    found: dict[str, Decimal] = {}
    for balance in balances:
        given = Decimal(balance.at_start) + Decimal(balance.deposited or 0)
        change = Decimal(balance.free) + Decimal(balance.locked) - given
        found[balance.asset] = change - changes.pop(balance.asset, ZERO)
    found |= {asset: -amount for asset, amount in changes.items()}  # an asset that the venue does not list
    wrong = {asset: amount for asset, amount in sorted(found.items()) if amount != 0}
    return (
        {asset: amount for asset, amount in wrong.items() if asset in bases},
        {asset: amount for asset, amount in wrong.items() if asset not in bases},
    )


def _changes(state: models_pb2.State) -> Iterator[tuple[str, Decimal]]:
    base, quote = _assets(state)
    yield base, Decimal(state.totals.position or 0)
    yield quote, Decimal(state.totals.quote_flow or 0)
    for asset, fee in state.totals.fees.items():
        if asset not in {base, quote}:  # position and flow already include them
            yield asset, -Decimal(fee)


def _assets(state: models_pb2.State) -> tuple[str, str]:
    base, _, quote = state.symbol.partition("/")
    return base, quote
