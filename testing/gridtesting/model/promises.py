"""The promises that must hold in every world, by the names of the design (§1)."""

from collections.abc import Callable, Mapping

from gridtesting.model.world import Answer, Book, News, Phase, Slot, Status, World, ended, order_of


def at_rest(world: World) -> bool:
    """Whether nothing is left to do: one orchestrator, all actions done, all updates logged and applied."""
    if len(world.bots) != 1 or world.bots[0].phase is not Phase.IDLE or world.bots[0].kept != world.kept:
        return False
    still = all(row.status is Status.DONE and not row.wire for row in world.rows)
    told = all(order.book is Book.OPEN or ended(world, order.name) for order in world.orders)
    return still and told and world.kept.offset == len(world.log)


def no_duplicate(world: World) -> bool:
    """P1: one effect per action, one live order per slot."""
    live = [order for order in world.orders if order.book is Book.OPEN]
    return len(live) <= 1 and all(order.effects == 1 for order in world.orders)


def no_orphan(world: World) -> bool:
    """P2: a live order is in the state, or belongs to a recorded step that is not settled; at rest also the reverse."""
    if world.broken == "P2":
        return False
    state = world.kept
    for order in world.orders:
        if order.book is Book.OPEN and order.name != state.order and not _in_flight(world, order.name):
            return False
    if state.order is None or not at_rest(world):
        return True
    kept = order_of(world, state.order)
    return kept is not None and kept.book is Book.OPEN and state.slot is Slot.OPEN


def _in_flight(world: World, name: tuple[int, int]) -> bool:
    return name[1] > world.kept.seq and any(plan.name == name for plan in world.workflows)


def no_lost_fill(world: World) -> bool:
    """P3: no fill is applied twice; at rest each that happened is applied."""
    applied = world.kept.applied
    if len(set(applied)) != len(applied):
        return False
    return not at_rest(world) or set(applied) == {order.name for order in world.orders if order.book is Book.FILLED}


def no_guess(world: World) -> bool:
    """P4: the ledger's outcome of an order that is not in doubt is true at the venue, and remains true."""
    for row in world.rows:
        if row.target is None and row.answer in {Answer.REJECTED, Answer.NOT_SENT}:
            if order_of(world, row.name) is not None:
                return False
        elif row.answer is Answer.ACCEPTED and row.target is None and order_of(world, row.name) is None:
            return False
    return all(_true(world, news, name) for news, name in world.log)


def _true(world: World, news: News, name: tuple[int, int]) -> bool:
    order = order_of(world, name)
    match news:
        case News.NOT_PLACED:
            return order is None
        case News.OPEN:
            return order is not None
        case News.FILL | News.FILLED:
            return order is not None and order.book is Book.FILLED
        case News.CANCELED:
            return order is not None and order.book is Book.CANCELED


def nothing_older_under_way(world: World) -> bool:
    """Not part of P7: a request in doubt may still be in flight when a fence returns, until its window ends."""
    return not any(row.wire and row.name[0] < world.returned for row in world.rows)


def one_writer(world: World) -> bool:
    """P7: once a fence has returned, nothing older is sent; a late arrival was answered UNKNOWN, its slot is kept."""
    return world.broken != "P7"


def same_answer(world: World) -> bool:
    """§7.3: a recorded answer is frozen."""
    return all(row.answer is row.told for row in world.rows)


PROMISES: Mapping[str, Callable[[World], bool]] = {
    "P1 no duplicate": no_duplicate,
    "P2 no orphan": no_orphan,
    "P3 no lost fill": no_lost_fill,
    "P4 no guess": no_guess,
    "P7 one writer": one_writer,
    "the same answer": same_answer,
}
