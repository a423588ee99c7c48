"""Journal rows between the database's columns and values, the same for every store."""

import json
from collections.abc import Sequence
from typing import Any, assert_never

from gridcore.model.events import Cause, ConditionsSeen, ModeChanged, OrdersUpdated, PriceChanged, Ticked
from gridcore.model.state import StateRebuilt
from gridrpc.convert_plan import plan_from_json, plan_json, results_from_json, results_json
from orchestrator.store.journal import JournalRow, Phase


def journal_row(row: Any) -> JournalRow:
    """A row of `trading_steps` as a value."""
    return JournalRow(
        plan=plan_from_json(row.plan),
        results=results_from_json(row.results),
        digest_before=row.digest_before,
        digest_after=row.digest_after,
        phases=tuple(Phase(**phase) for phase in json.loads(row.phases)),
        committed_time_ms=row.committed_time_ms,
    )


def row_values(row: JournalRow) -> dict[str, object]:
    """A value as the columns of `trading_steps`."""
    return {
        "seq": row.plan.seq,
        "request_id": row.plan.request_id,
        "epoch": row.plan.epoch,
        "trigger_kind": trigger_kind(row.plan.trigger),
        "plan": plan_json(row.plan),
        "results": results_json(row.results),
        "digest_before": row.digest_before,
        "digest_after": row.digest_after,
        "phases": phases_json(row.phases),
        "committed_time_ms": row.committed_time_ms,
    }


def phases_json(phases: Sequence[Phase]) -> str:
    """The phases as the column keeps them."""
    return json.dumps(
        [{"name": p.name, "started_time_ns": p.started_time_ns, "duration_ns": p.duration_ns} for p in phases]
    )


def trigger_kind(trigger: Cause) -> str:
    """The trigger's name, as the contract's oneof has it."""
    match trigger:
        case PriceChanged():
            return "price_change"
        case Ticked():
            return "tick"
        case OrdersUpdated():
            return "order_updates"
        case ModeChanged():
            return "mode_change"
        case ConditionsSeen():
            return "conditions_seen"
        case StateRebuilt():
            return "state_rebuilt"
        case _:
            assert_never(trigger)
