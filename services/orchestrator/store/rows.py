"""Converts journal rows between database columns and values, for every store."""

import json
from collections.abc import Sequence
from typing import Any, assert_never

from gridcore.model.events import Cause, ConditionsSeen, ModeChanged, OrdersUpdated, PriceChanged, Ticked
from gridcore.model.state import StateRebuilt
from gridrpc.convert_plan import plan_from_json, plan_json, results_from_json, results_json
from orchestrator.store.journal import JournalRow, Phase


def journal_row(row: Any) -> JournalRow:
    """Converts a row of `trading_steps` to a value."""
    return JournalRow(
        plan=plan_from_json(row.plan),
        results=results_from_json(row.results),
        digest_before=row.digest_before,
        digest_after=row.digest_after,
        phases=tuple(Phase(**phase) for phase in json.loads(row.phases)),
        committed_time_ms=row.committed_time_ms,
    )


def row_values(row: JournalRow) -> dict[str, object]:
    """Converts a value to the columns of `trading_steps`."""
    return {
        "seq": row.plan.seq,
        "request_id": row.plan.request_id,
        "epoch": row.plan.epoch,
        "trigger_kind": trigger_kind(row.plan.trigger),
        "plan": row.plan_text or plan_json(row.plan),
        "results": results_json(row.results),
        "digest_before": row.digest_before,
        "digest_after": row.digest_after,
        "phases": phases_json(row.phases),
        "committed_time_ms": row.committed_time_ms,
    }


def phases_json(phases: Sequence[Phase]) -> str:
    """Returns the JSON of the column `phases`."""
    return json.dumps(
        [{"name": p.name, "started_time_ns": p.started_time_ns, "duration_ns": p.duration_ns} for p in phases]
    )


def trigger_kind(trigger: Cause) -> str:
    """Returns the trigger's name in the protocol's oneof."""
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
