"""The values of the model: the memory of each party, the messages in flight, and the venue's book.

Tuples throughout, because an exploration hashes millions of them. A name is (epoch, seq): the request id of a step, and
the client order id of the order that it places.
"""

from enum import IntEnum, StrEnum
from typing import NamedTuple

Name = tuple[int, int]


class Act(StrEnum):
    """The action of a plan, one each: actions of a batch are independent but for the completeness of the answer."""

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
    """gridcore.model.actions.Outcome; EXPIRED is equivalent to NOT_SENT."""

    NONE = ""
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    ENDED = "ENDED"
    NOT_SENT = "NOT_SENT"
    UNKNOWN = "UNKNOWN"


class Age(IntEnum):
    """The age of a signed request, by the venue's clock."""

    FRESH = 0
    EXPIRED = 1  # past timestamp + window: the venue refuses it from now on
    CONCLUSIVE = 2  # also past the visibility lag: look-ups show what exists; before, they may miss it


class Task(StrEnum):
    """An action in the executor's memory, which a crash clears."""

    NONE = ""
    QUEUED = "queued"  # accepted, waiting for its turn
    BEGUN = "begun"  # in Flight, not yet on the wire
    WAITING = "waiting"  # in Flight, called


class Reply(StrEnum):
    """The venue's reply, on its way to the task that waits for it."""

    NONE = ""
    PLACED = "placed"
    DUPLICATE = "duplicate"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN_ORDER = "unknown order"


class Row(NamedTuple):
    """One request in the ledger with its action; then its state in memory and on the network."""

    name: Name
    target: Name | None  # the order that it cancels; None for a place
    status: Status = Status.INTENT
    answer: Answer = Answer.NONE
    told: Answer = Answer.NONE  # its first answer: kept by the model to check that the ledger never changes it
    age: Age = Age.FRESH
    task: Task = Task.NONE
    wire: int = 0  # copies of the request in flight to the venue
    reply: Reply = Reply.NONE


class Book(StrEnum):
    """The status of an order at the venue. One fill fills it."""

    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"


class Order(NamedTuple):
    """A client order id at the venue, which accepts it again once its order has ended. `effects` counts how often."""

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
    """A step: the log's entries after `after` up to `upto` that it applies, and its action."""

    name: Name
    act: Act
    target: Name | None
    after: int
    upto: int

    @property
    def seq(self) -> int:
        """The seq of the step."""
        return self.name[1]


class Slot(StrEnum):
    """gridcore.model.orders.OrderStatus, of the slot's order in the state."""

    FREE = ""
    OPEN = "OPEN"
    UNKNOWN = "UNKNOWN"
    CANCELING = "CANCELING"


class Kept(NamedTuple):
    """The state: in the store, and in an orchestrator's memory."""

    seq: int = 0
    order: Name | None = None
    slot: Slot = Slot.FREE
    offset: int = 0
    acts: int = 0  # committed plans with an action
    applied: tuple[Name, ...] = ()  # orders whose fill was added to the position, as often as it was


class Phase(StrEnum):
    """The phase of an orchestrator."""

    FENCING = "fencing"  # it has the lease, its epoch and the state
    FENCED = "fenced"  # the fence is raised; Fence has not returned
    SETTLING = "settling"  # settling what was in flight
    IDLE = "idle"
    CALLING = "calling"  # the workflow is recorded
    APPLYING = "applying"  # only where the offset is committed before the state


class Bot(NamedTuple):
    """An orchestrator's process. Ended processes are not in the world."""

    epoch: int
    phase: Phase
    kept: Kept
    todo: tuple[Plan, ...] = ()  # plans to execute or to settle, in this order


class World(NamedTuple):
    """The whole state of the model. `broken` names a promise that a move itself has broken."""

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
    """The world with the row replaced by name, or appended."""
    rows = tuple(row if old.name == row.name else old for old in world.rows)
    return world._replace(rows=rows if row_of(world, row.name) is not None else (*rows, row))


def with_order(world: World, order: Order) -> World:
    """The same for the venue's orders."""
    orders = tuple(order if old.name == order.name else old for old in world.orders)
    return world._replace(orders=orders if order_of(world, order.name) is not None else (*orders, order))


def ended(world: World, name: Name | None) -> bool:
    """Whether the log has the order's end."""
    return any(news in ENDS and named == name for news, named in world.log)
