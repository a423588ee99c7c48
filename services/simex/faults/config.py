"""The faults of a config file: `[[simex.faults]]`, one table each, active again after each startup."""

from collections.abc import Iterable

from gridservice.config_file import ConfigError, Table
from gridservice.settings import read_section
from simex.faults.kinds import BadFault, Fault, Places, check
from simex.faults.plan import FaultPlan


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
    fault = read_section(Fault, table)
    table.refuse_unread()
    return fault
