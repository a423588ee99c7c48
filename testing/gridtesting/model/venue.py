"""Venue, network and time: deliver, lose, refuse, fill, expire. Any of it at any moment."""

from collections.abc import Iterator

from gridtesting.model.world import (
    Age,
    Book,
    Order,
    Reply,
    Row,
    Status,
    Step,
    Task,
    World,
    order_of,
    shown,
    with_order,
    with_row,
)


def venue_moves(world: World) -> Iterator[Step]:
    """Every next world that our processes do not cause."""
    for row in world.rows:
        if row.wire:
            yield from _deliver(world, row)
        if may_age(row) and _turn(world, row):
            yield from _older(world, row)
    for order in world.orders:
        if order.book is Book.OPEN:
            yield f"{shown(order.name)} is filled", with_order(world, order._replace(book=Book.FILLED))


def may_age(row: Row) -> bool:
    """Whether time still changes the request."""
    if row.age is Age.CONCLUSIVE:
        return False
    return row.wire > 0 or (row.target is None and row.status in {Status.SENDING, Status.UNKNOWN})


def _deliver(world: World, row: Row) -> Iterator[Step]:
    """A request arrives in time; if nobody waits any more, the reply is lost."""
    if row.target is None:
        yield _place(world, row)
        return
    order = order_of(world, row.target)
    name = f"the cancel {shown(row.name)} arrives"
    if order is not None and order.book is Book.OPEN:
        yield name, _replied(with_order(world, order._replace(book=Book.CANCELED)), row, Reply.CANCELLED)
    # An open order's cancel may be refused as unknown too: because of a lag, or of its restrictions.
    yield f"{name} and is refused as of an unknown order", _replied(world, row, Reply.UNKNOWN_ORDER)


def _place(world: World, row: Row) -> Step:
    name, order = f"the place {shown(row.name)} arrives", order_of(world, row.name)
    if order is not None and order.book is Book.OPEN:
        return f"{name} again", _replied(world, row, Reply.DUPLICATE)
    effects = 1 if order is None else order.effects + 1  # the id is free again once its order has ended
    placed = with_order(world, Order(row.name, effects=effects))
    if row.name[0] < world.returned and row.status is not Status.UNKNOWN:
        placed = placed._replace(broken="P7")  # of an older epoch, and its slot is not kept for it
    return name, _replied(placed, row, Reply.PLACED)


def _replied(world: World, row: Row, reply: Reply) -> World:
    return with_row(world, _heard(row._replace(wire=row.wire - 1), reply))


def _heard(row: Row, reply: Reply) -> Row:
    return row._replace(reply=reply) if row.task is Task.WAITING else row


def _turn(world: World, row: Row) -> bool:
    """Whether it is the request's turn: requests that were signed earlier age first."""
    older = world.rows[: world.rows.index(row)]
    return all(other.age > row.age for other in older if may_age(other))


def _older(world: World, row: Row) -> Iterator[Step]:
    if row.age is Age.EXPIRED:
        yield f"the lag of {shown(row.name)} is over", with_row(world, row._replace(age=Age.CONCLUSIVE))
        return
    late = row._replace(age=Age.EXPIRED, wire=0)
    yield f"the window of {shown(row.name)} ends", with_row(world, late)
    if row.wire and row.task is Task.WAITING:
        refused = with_row(world, _heard(late, Reply.EXPIRED))
        yield f"{shown(row.name)} arrives too late and is refused", refused
