"""The executor with its ledger. A move is everything that it does up to the next commit or the next call.

A crash clears its memory. After a restart it answers nobody before it has looked up everything that was SENDING.
"""

from collections.abc import Iterator

from gridtesting.model.rules import Bounds, Rules
from gridtesting.model.world import (
    Act,
    Age,
    Answer,
    Book,
    News,
    Plan,
    Reply,
    Row,
    Status,
    Step,
    Task,
    World,
    ended,
    order_of,
    row_of,
    shown,
    with_row,
)

FLYING = frozenset({Task.BEGUN, Task.WAITING})


def ready(world: World) -> bool:
    """executor.readiness: whether it accepts calls."""
    return not any(row.status is Status.SENDING and row.task is Task.NONE for row in world.rows)


def executor_moves(world: World, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Every next world by an action of the executor."""
    for row in world.rows:
        match row.task:
            case Task.QUEUED:
                yield _begin(world, row, rules)
            case Task.BEGUN:
                yield _send(world, row, rules)
            case Task.WAITING:
                yield from _waited(world, row, rules)
            case Task.NONE if row.status is Status.SENDING:
                yield from _doubt(world, row, rules)  # service.Executor._recover
            case Task.NONE if row.status is Status.UNKNOWN and ready(world):
                yield from _resolve(world, row, rules)
    if ready(world):
        yield from _watch(world, rules)
    if world.kills < bounds.executor_kills and any(row.task or row.status is not Status.DONE for row in world.rows):
        rows = tuple(row._replace(task=Task.NONE, reply=Reply.NONE) for row in world.rows)
        yield "the executor is killed and starts", world._replace(rows=rows, kills=world.kills + 1)


def accept(world: World, plan: Plan, rules: Rules) -> World | None:
    """BatchExecute: ledger.acceptance.accept and batches.Batches.execute. None if the call changes nothing."""
    row = row_of(world, plan.name)
    if row is None:
        row = Row(plan.name, plan.target if plan.act is Act.CANCEL else None, task=Task.QUEUED)
        return with_row(world, _withdrawn(row) if _fenced(world, row, rules) else row)
    if row.answer or row.task:
        return None
    return with_row(world, row._replace(task=Task.QUEUED))


def raise_fence(world: World, epoch: int) -> World:
    """ledger.fences.raise_to: unsent intents of older epochs end in the same transaction."""
    rows = tuple(_withdrawn(row) if row.name[0] < epoch and row.status is Status.INTENT else row for row in world.rows)
    return world._replace(fence=epoch, rows=rows)


def wait_below(world: World, epoch: int) -> bool:
    """dispatch.in_flight.InFlight.wait_below."""
    return not any(row.name[0] < epoch and row.task in FLYING for row in world.rows)


def _fenced(world: World, row: Row, rules: Rules) -> bool:
    return rules.fence_refuses and row.name[0] < world.fence


def _withdrawn(row: Row) -> Row:
    return _given(row, Answer.NOT_SENT)


def _given(row: Row, answer: Answer) -> Row:
    """ledger.outcomes.record_result, transitions: the result frozen, the action DONE unless it is a place in doubt."""
    doubt = row.target is None and answer is Answer.UNKNOWN
    status = Status.UNKNOWN if doubt else Status.DONE
    given = row._replace(status=status, answer=answer, told=row.told or answer, task=Task.NONE, reply=Reply.NONE)
    return given if doubt or row.wire else given._replace(age=Age.FRESH)  # it is not read any more


def _begin(world: World, row: Row, rules: Rules) -> Step:
    """canceller.known_end, then ledger.outcomes.mark_sending."""
    if row.target is not None and ended(world, row.target):
        return f"{shown(row.name)} need not be sent", with_row(world, _given(row, Answer.ENDED))
    if _fenced(world, row, rules):
        return f"{shown(row.name)} is fenced", with_row(world, _withdrawn(row))
    status = Status.SENDING if rules.intent_before_wire else row.status
    begun = row._replace(status=status, age=Age.FRESH, task=Task.BEGUN)
    return f"the ledger has {shown(row.name)} as {status}", with_row(world, begun)


def _send(world: World, row: Row, rules: Rules) -> Step:
    if row.age is Age.FRESH or not rules.recorded_timestamp:
        sent = with_row(world, row._replace(task=Task.WAITING, wire=row.wire + 1))
    else:
        sent = with_row(world, row._replace(task=Task.WAITING, reply=Reply.EXPIRED))  # -1021
    if row.name[0] < world.returned:
        sent = sent._replace(broken="P7")
    return f"{shown(row.name)} is sent", sent


def _waited(world: World, row: Row, rules: Rules) -> Iterator[Step]:
    yield from _doubt(world, row, rules)  # a time-out, a reset, a reply that cannot be read
    match row.reply:
        case Reply.NONE | Reply.DUPLICATE:  # a duplicate is looked up like a time-out
            pass
        case Reply.UNKNOWN_ORDER:
            yield from _refused_cancel(world, row, rules)
        case Reply.PLACED:
            yield _recorded(world, row, Answer.ACCEPTED)
        case Reply.CANCELLED:
            yield _recorded(world, row, Answer.CANCELLED)
        case Reply.EXPIRED:
            yield _recorded(world, row, Answer.REJECTED)


def _recorded(world: World, row: Row, answer: Answer) -> Step:
    return f"the ledger answers {shown(row.name)} with {answer}", with_row(world, _given(row, answer))


def _doubt(world: World, row: Row, rules: Rules) -> Iterator[Step]:
    """placer.look and canceller.look: one look-up, and the result that it allows."""
    if not rules.look_before_send:
        if row.wire < 2:
            again = row._replace(task=Task.WAITING, wire=row.wire + 1, age=Age.FRESH, reply=Reply.NONE)
            yield f"{shown(row.name)} is sent again", with_row(world, again)
    elif row.target is not None:
        yield from _look_for_end(world, row, Answer.UNKNOWN)
    else:
        if order_of(world, row.name) is not None:
            yield _recorded(world, row, Answer.ACCEPTED)
        if _may_miss(world, row):
            yield _recorded(world, row, Answer.REJECTED if _proves_absence(row, rules) else Answer.UNKNOWN)


def _refused_cancel(world: World, row: Row, rules: Rules) -> Iterator[Step]:
    """canceller.Canceller._after_refusal."""
    assert row.target is not None
    if rules.refusal_ends_nothing:
        yield from _look_for_end(world, row, Answer.REJECTED)
        return
    if not ended(world, row.target):
        world = world._replace(log=(*world.log, (News.CANCELED, row.target)))
    yield _recorded(world, row, Answer.ENDED)


def _look_for_end(world: World, row: Row, otherwise: Answer) -> Iterator[Step]:
    """A cancel's look-up. The lag may hide the order; nothing depends on finding it."""
    order = order_of(world, row.target)
    if order is not None and order.book is not Book.OPEN:
        yield _recorded(world, row, Answer.ENDED)
    yield _recorded(world, row, otherwise)


def _may_miss(world: World, row: Row) -> bool:
    """Whether a look-up may miss the place's order."""
    return order_of(world, row.name) is None or row.age is not Age.CONCLUSIVE


def _proves_absence(row: Row, rules: Rules) -> bool:
    """lookup.LookUp.find."""
    return row.age >= (Age.CONCLUSIVE if rules.lag else Age.EXPIRED) or not rules.window


def _resolve(world: World, row: Row, rules: Rules) -> Iterator[Step]:
    """resolver.Resolver.resolve_once; the watcher appends an ended order's fills and end."""
    if order_of(world, row.name) is not None:  # possibly in an earlier state
        yield _resolved(world, row, News.OPEN, Answer.ACCEPTED, rules)
    if _may_miss(world, row) and _proves_absence(row, rules):
        yield _resolved(world, row, News.NOT_PLACED, Answer.REJECTED, rules)


def _resolved(world: World, row: Row, news: News, later: Answer, rules: Rules) -> Step:
    log = world.log if ended(world, row.name) else (*world.log, (news, row.name))
    answer = row.answer if rules.frozen_answers else later
    done = with_row(world, row._replace(status=Status.DONE, answer=answer, age=Age.FRESH))
    return f"the log records that {shown(row.name)} is {news}", done._replace(log=log)


def _watch(world: World, rules: Rules) -> Iterator[Step]:
    """watcher.SymbolWatcher and recorder.Recorder, by stream or poll: a fill, and an end after its fills."""
    for order in world.orders:
        name = order.name
        filled = order.book is Book.FILLED
        if filled and (News.FILL, name) not in world.log:
            yield f"the log records the fill of {shown(name)}", world._replace(log=(*world.log, (News.FILL, name)))
            if rules.end_after_fills:
                continue
        if order.book is not Book.OPEN and not ended(world, name):
            news = News.FILLED if filled else News.CANCELED
            yield f"the log records the end of {shown(name)}", world._replace(log=(*world.log, (news, name)))
