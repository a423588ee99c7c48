"""Reads the settings that a dataclass declares with `Annotated[…, Setting(…)]` from a table of the config file."""

import dataclasses
from collections.abc import Mapping
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
    setting, least, above = one.setting, one.setting.least, one.setting.above
    if one.kind is bool:
        return table.flag(one.key)
    if one.kind is int:
        return table.integer(one.key, least=least) * setting.times
    if one.kind is Decimal:
        return table.decimal(
            one.key,
            above=None if above is None else Decimal(above),
            least=None if least is None else Decimal(least),
        )
    if issubclass(one.kind, Enum):
        return table.choice(one.key, one.kind)
    if one.kind is tuple:
        return tuple(table.texts(one.key))
    text = table.text(one.key)
    return Path(text) if one.kind is Path else text


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if NoneType in get_args(hint) else (hint,)
