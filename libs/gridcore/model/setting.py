"""How a setting of the config file is declared: as a dataclass field, annotated with a `Setting`.

The field has name, type and default, the `Setting` everything else. `gridservice.settings` reads declared settings from
a file; the tables of the documentation are generated from the declarations.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """What type and default of a field do not say. `Annotated[int, Setting("time between polls", least=10)] = 1_000`.

    A field without a default is required, unless the code that reads it computes one.
    """

    meaning: str  # one line of Markdown
    _: KW_ONLY
    least: int | None = None  # of a number
    above: int | None = None  # of a decimal
    parse: Callable[[Any], Any] | None = None  # normalises a value; raises ValueError with the remedy for a bad one
    key: str = ""  # the name in the file, if the field has another
    times: int = 1  # the unit in the file, in units of the field: 3_600_000 for hours read as milliseconds
    default: str = ""  # shown in the documentation, for a default that is computed
    allowed: str = ""  # shown in the documentation, for bounds that `parse` checks
    secret: bool = False  # whether errors hide the value
