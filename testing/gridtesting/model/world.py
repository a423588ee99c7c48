"""The values of the model: what each party remembers, what is on its way, and what is so at the venue.

Tuples throughout, because an exploration hashes millions of them. A name is (epoch, seq): the request id of a step, and
the client order id of the order that it places.
"""

from enum import IntEnum, StrEnum
from typing import NamedTuple

Name = tuple[int, int]


class Act(StrEnum):
    """What a plan sends. One action each: a batch's actions share nothing but their answer's completeness."""

    NONE = ""
    PLACE = "place"
    CANCEL = "cancel"


class Status(StrEnum):
    """executor.ledger.action_status.ActionStatus."""

    INTENT = "INTENT"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    DONE = "DONE"


class Answer(StrEnum):
    """gridcore.model.actions.Outcome; EXPIRED is as NOT_SENT to everybody."""

    NONE = ""
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    ENDED = "ENDED"
    NOT_SENT = "NOT_SENT"
    UNKNOWN = "UNKNOWN"


class Age(IntEnum):
    """How old a signed request is, by the venue's clock."""

    FRESH = 0
    EXPIRED = 1  # past timestamp + window: the venue refuses it from now on
    CONCLUSIVE = 2  # past the visibility lag too: what there is, a look-up shows; before, it may or may not


class Task(StrEnum):
    """What the executor's memory holds of an action: gone with the process."""

    NONE = ""
    QUEUED = "queued"  # accepted, waiting for its turn
    BEGUN = "begun"  # in Flight, not yet on the wire
    WAITING = "waiting"  # in Flight, called


class Reply(StrEnum):
    """What the venue said, on its way to the task that waits for it."""

    NONE = ""
    PLACED = "placed"
    DUPLICATE = "duplicate"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN_ORDER = "unknown order"


class Row(NamedTuple):
    """One request in the ledger with its action; then what is in memory and on the wire of it."""

    name: Name
    target: Name | None  # the order that it cancels; None for a place
    status: Status = Status.INTENT
    answer: Answer = Answer.NONE
    told: Answer = Answer.NONE  # the first answer that it ever had: remembered by the model, to hold the ledger to it
    age: Age = Age.FRESH
    task: Task = Task.NONE
    wire: int = 0  # copies of the request under way to the venue
    reply: Reply = Reply.NONE


class Book(StrEnum):
    """Where an order is at the venue. One fill fills it."""

    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"


class Order(NamedTuple):
    """A client order id at the venue, which takes it again once its order is not open. `effects` counts how often."""

    name: Name
    book: Book = Book.OPEN
    effects: int = 1


class News(StrEnum):
    """An entry of the update log."""

    FILL = "fill"
    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    NOT_PLACED = "not placed"


ENDS = frozenset({News.FILLED, News.CANCELED, News.NOT_PLACED})


class Plan(NamedTuple):
    """A step: the log's entries after `after` up to `upto` that it applies, and the action that it sends."""

    name: Name
    act: Act
    target: Name | None
    after: int
    upto: int

    @property
    def seq(self) -> int:
        """The step that it makes."""
        return self.name[1]


class Slot(StrEnum):
    """gridcore.model.orders.OrderStatus, of the slot's order as the state sees it."""

    FREE = ""
    OPEN = "OPEN"
    UNKNOWN = "UNKNOWN"
    CANCELING = "CANCELING"


class Kept(NamedTuple):
    """The state: as the store has it, and as an orchestrator's memory has it."""

    seq: int = 0
    order: Name | None = None
    slot: Slot = Slot.FREE
    offset: int = 0
    acts: int = 0  # committed plans with an action
    applied: tuple[Name, ...] = ()  # orders whose fill was added to the position, as often as it was


class Phase(StrEnum):
    """Where an orchestrator is."""

    FENCING = "fencing"  # it has the lease, its epoch and the state
    FENCED = "fenced"  # the fence is raised; Fence has not returned
    SETTLING = "settling"  # what was in flight
    IDLE = "idle"
    CALLING = "calling"  # the workflow is on record
    APPLYING = "applying"  # only where the offset is committed before the state


class Bot(NamedTuple):
    """An orchestrator's process. One that is not there is not in the world."""

    epoch: int
    phase: Phase
    kept: Kept
    todo: tuple[Plan, ...] = ()  # what it carries out, or has to settle, in this order


class World(NamedTuple):
    """Everything. `broken` is what a move itself has broken."""

    epoch: int = 1  # the store's lease
    kept: Kept = Kept()
    journal: tuple[int, ...] = ()  # the epoch of the request that made each step
    workflows: tuple[Plan, ...] = ()  # in the order of their insertion
    bots: tuple[Bot, ...] = (Bot(1, Phase.IDLE, Kept()),)
    fence: int = 1
    returned: int = 1  # the highest epoch whose Fence has returned
    rows: tuple[Row, ...] = ()
    log: tuple[tuple[News, Name], ...] = ()
    orders: tuple[Order, ...] = ()
    kills: int = 0  # of the executor
    broken: str = ""


Step = tuple[str, World]


def shown(name: Name) -> str:
    """A name as request ids have it: epoch/seq."""
    return f"{name[0]}/{name[1]}"


def order_of(world: World, name: Name | None) -> Order | None:
    """The order at the venue."""
    return next((order for order in world.orders if order.name == name), None)


def row_of(world: World, name: Name) -> Row | None:
    """The request in the ledger."""
    return next((row for row in world.rows if row.name == name), None)


def with_row(world: World, row: Row) -> World:
    """The world with that row in the place of the one of its name, or as its last."""
    rows = tuple(row if old.name == row.name else old for old in world.rows)
    return world._replace(rows=rows if row_of(world, row.name) is not None else (*rows, row))


def with_order(world: World, order: Order) -> World:
    """The same for the venue's orders."""
    orders = tuple(order if old.name == order.name else old for old in world.orders)
    return world._replace(orders=orders if order_of(world, order.name) is not None else (*orders, order))


def ended(world: World, name: Name | None) -> bool:
    """Whether the log has the order's end."""
    return any(news in ENDS and named == name for news, named in world.log)
