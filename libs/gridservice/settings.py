"""Reads the settings that a dataclass declares with `Annotated[…, Setting(…)]` from a table of the config file."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from gridcore.model.setting import Setting
from gridservice.config_file import MISSING, Table

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Declared:
    """One declared setting: its name in the file, its type without `None`, its default and its `Setting`."""

    key: str
    kind: type[Any]
    default: Any  # MISSING: required, or computed
    setting: Setting


def declared(section: type[Any]) -> Mapping[str, Declared]:
    """The declared settings of a dataclass, by the names of their fields."""
    hints = get_type_hints(section, include_extras=True)
    found: dict[str, Declared] = {}
    for each in dataclasses.fields(section):
        hint, *extras = get_args(hints[each.name]) or (hints[each.name],)
        for setting in extras:
            if isinstance(setting, Setting):
                default = MISSING if each.default is dataclasses.MISSING else each.default
                (kind,) = [kind for kind in _alternatives(hint) if kind is not NoneType]
                found[each.name] = Declared(setting.key or each.name, get_origin(kind) or kind, default, setting)
    return found


def read_section(section: type[T], table: Table, **values: Any) -> T:
    """Reads a dataclass. `values` are those of its other fields, and defaults of settings where they are computed.

    Raises ConfigError for the first unusable setting. A key that no setting has is left to `refuse_unread`.
    """
    read = {name: _read(one, table, values.get(name, one.default)) for name, one in declared(section).items()}
    return section(**{**values, **read})


def read_setting(section: type[Any], name: str, table: Table, default: Any = MISSING) -> Any:
    """Reads a single setting of a dataclass. Raises ConfigError if it is unusable."""
    one = declared(section)[name]
    return _read(one, table, one.default if default is MISSING else default)


def _read(one: Declared, table: Table, default: Any) -> Any:
    if default is not MISSING and not table.has(one.key):
        return default
    value = _typed(one, table)
    if one.setting.parse is None:
        return value
    try:
        return one.setting.parse(value)
    except ValueError as error:
        raise table.refusal(one.key, str(error), hidden=one.setting.secret) from None


def _typed(one: Declared, table: Table) -> Any:
    key, setting = one.key, one.setting
    if issubclass(one.kind, Enum):
        return table.choice(key, one.kind)
    readers: Mapping[type[Any], Callable[[], Any]] = {
        bool: lambda: table.flag(key),
        int: lambda: table.integer(key, least=setting.least) * setting.times,
        Decimal: lambda: table.decimal(key, above=setting.above, least=setting.least),
        tuple: lambda: tuple(table.texts(key)),
        Path: lambda: Path(text) if (text := table.text(key)) or one.default is not None else None,
    }
    return readers.get(one.kind, lambda: table.text(key))()


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if NoneType in get_args(hint) else (hint,)
