"""The verdict on a grid that has come to rest: the audit's findings and the judge's, gathered from the services."""

from dataclasses import dataclass
from typing import Any

from gridchaos.harness.grid_driver import Grid
from gridchaos.harness.venue_faults import LAG_MS, RECV_WINDOW_MS
from gridchaos.judge.audit_extras import (
    Ledger,
    applied_beyond,
    guesses,
    level_of,
    protected_after_ms,
    touched,
    unknown_ms,
)
from griddeploy.audit.audit import AuditReport, audit
from gridwright.v1 import executor_pb2, models_pb2

_CALL_SECONDS = 15.0
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. Of each kind the findings are sentences."""

    hung: str  # what did not come, and what the services have said; empty where all came
    mode: str
    audit: AuditReport
    guessed: tuple[str, ...]
    foreign_touched: tuple[str, ...]
    applied_twice: tuple[str, ...]  # the audit's and those that the totals show
    faults: int  # that struck
    protected_ms: tuple[int, ...]
    unknown_ms: tuple[int, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each promise that did not hold."""
        books = self.audit
        money = {**books.position_diff, **books.quote_diff}
        late = ["an exit order that should exist never came"] if -1 in self.protected_ms else []
        return (
            *([self.hung] if self.hung else []), *books.duplicates, *books.orphans, *books.missing,
            *self.applied_twice, *self.guessed, *self.foreign_touched,
            *(f"{amount} {asset} are not accounted for" for asset, amount in money.items()), *late,
        )  # fmt: skip

    @property
    def measures(self) -> dict[str, Any]:
        """As fields of a line of results."""
        return {
            "fills": self.audit.fills,
            "faults": self.faults,
            "duplicates": len(self.audit.duplicates),
            "orphans": len(self.audit.orphans),
            "lost_fills": len(self.audit.missing),
            "applied_twice": len(self.applied_twice),
            "guessed": len(self.guessed),
            "foreign_touched": len(self.foreign_touched),
            "protected_ms": tuple(each for each in self.protected_ms if each >= 0),
            "unknown_ms": self.unknown_ms,
        }


async def judge(grid: Grid, restarted_ms: int, hung: str = "") -> Verdict:
    """Holds a grid that is at rest, or of which it is said that it never came to that, against the venue's book."""
    evidence = await grid.evidence(0 if hung else grid.deadline_seconds)
    [books] = evidence.books
    ledger = await _ledger(grid)
    report = audit(grid.stack.deployment.bot, evidence.truth, [books])
    truth = await grid.truth()  # read last: what our records tell by then has happened on the venue, or never does
    doubts = unknown_ms(ledger, books.log)
    protected = protected_after_ms(truth, grid.prefix, restarted_ms, frozenset(map(level_of, doubts)))
    return Verdict(
        hung=hung or ("" if evidence.settled else "it moves on by itself"),
        mode=models_pb2.Mode.Name(books.state.risk.mode),
        audit=report,
        guessed=tuple(guesses(truth, ledger, books.log, RECV_WINDOW_MS + LAG_MS)),
        foreign_touched=tuple(touched(truth, grid.prefix, grid.by_hand)),
        applied_twice=(*report.twice, *applied_beyond(truth, books, grid.prefix)),
        faults=await grid.struck(),
        protected_ms=() if protected is None else (protected,),
        unknown_ms=tuple(doubts.values()),
    )


async def _ledger(grid: Grid) -> Ledger:
    """Every request that the ledger has of the symbol, and when its places were sent."""
    executor = grid.stack.channels.executor
    batches: list[executor_pb2.Batch] = []
    while True:
        after = batches[-1].accepted_seq if batches else 0
        request = executor_pb2.ListRequestsRequest(symbol=grid.symbol, after_seq=after, limit=_PAGE)
        page = await executor.ListRequests(request, timeout=_CALL_SECONDS)
        batches.extend(page.batches)
        if len(page.batches) < _PAGE:
            break
    places = [action.place for batch in batches for action in batch.actions if action.HasField("place")]
    orders = [
        await executor.GetOrder(
            executor_pb2.GetOrderRequest(client_order_id=place.client_order_id), timeout=_CALL_SECONDS
        )
        for place in places
    ]
    return Ledger(batches, {order.client_order_id: order.sent_time_ms for order in orders})
