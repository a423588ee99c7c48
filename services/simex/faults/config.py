"""The faults of a config file: `[[simex.faults]]`, one table each, active again after each startup."""

from collections.abc import Iterable
from decimal import Decimal

from gridservice.config_file import ConfigError, Table
from simex.faults.kinds import ANY, HOLD_MS, BadFault, Fault, Kind, Places, check
from simex.faults.plan import FaultPlan

_ONE = Decimal(1)


def read_faults(tables: Iterable[Table]) -> tuple[Fault, ...]:
    """Reads the faults. Raises ConfigError for malformed values."""
    return tuple(_read(table) for table in tables)


def put_in_force(plan: FaultPlan, faults: Iterable[Fault], places: Places) -> None:
    """Adds the faults to the plan before the exchange starts. Raises ConfigError for an unusable fault."""
    for number, fault in enumerate(faults):
        try:
            check(fault, places)
        except BadFault as error:
            raise ConfigError(f"simex.faults[{number}].{error.field}", error.value, error.remedy) from None
        plan.add(fault)


def _read(table: Table) -> Fault:
    fault = Fault(
        kind=table.choice("kind", Kind),
        endpoint=table.text("endpoint", ANY),
        stream=table.text("stream", ANY),
        account=table.text("account", ANY),
        probability=table.decimal("probability", _ONE),
        skip=table.integer("skip", 0),
        count=table.integer("count", 0),
        from_ms=table.integer("from_ms", 0),
        until_ms=table.integer("until_ms", 0),
        delay_ms=table.integer("delay_ms", 0),
        hold_ms=table.integer("hold_ms", HOLD_MS),
        status=table.integer("status", 0),
        code=table.integer("code", 0),
        message=table.text("message", ""),
        done=table.flag("done", default=False),
        lost=table.flag("lost", default=False),
        late_events=table.flag("late_events", default=False),
        fraction=table.decimal("fraction", _ONE),
    )
    table.refuse_unread()
    return fault
