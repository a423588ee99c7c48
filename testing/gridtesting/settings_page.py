"""Writes the tables of settings in docs/ from their declarations: `python -m gridtesting.settings_page`.

A table stands between two comments, `<!-- settings NAME -->` and `<!-- end -->`; all other text is left alone.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import executor.config
import orchestrator.config
import pricemon.config
import simex.config
from executor.limits import ExecutorLimits
from executor.venue.settings import VenueSettings
from gridcore.model.config import GridConfig, RiskConfig
from griddb.urls import DatabaseSettings, OwnDatabase
from gridservice.config_file import MISSING
from gridservice.settings import Declared, declared
from gridservice.shared_settings import DEFAULT_ADDRESSES, Addresses, TopLevel
from gridsim.market import Liquidity
from gridsim.rules import SymbolRules
from simex.access.limits import LimitSettings
from simex.account_config import AccountSettings, KeySettings
from simex.faults.kinds import Fault

SECTIONS: Mapping[str, tuple[type[Any], ...]] = {
    "top level": (TopLevel,),
    "[venue]": (VenueSettings,),
    "[database]": (DatabaseSettings,),
    "[executor]": (Addresses, executor.config.Settings, OwnDatabase, ExecutorLimits),
    "[orchestrator]": (Addresses, OwnDatabase, orchestrator.config.Settings),
    "[[grids]]": (GridConfig,),
    "[grids.risk]": (RiskConfig,),
    "[simex]": (simex.config.Settings,),
    "[[simex.accounts]]": (AccountSettings,),
    "[[simex.keys]]": (KeySettings,),
    "[[simex.markets]]": (SymbolRules, Liquidity, simex.config.MarketSettings),
    "[simex.limits]": (LimitSettings,),
    "[[simex.faults]]": (Fault,),
    "[pricemon]": (Addresses, pricemon.config.Settings, pricemon.config.FeedTimeouts),
}
_BLOCK = re.compile(r"<!-- settings (\S[^\n]*) -->\n.*?<!-- end -->", re.DOTALL)


def table(name: str) -> str:
    """The table of one section."""
    head = name if name == "top level" else f"`{name}`"
    return "\n".join([f"| {head} | default | allowed | meaning |", "|---|---|---|---|", *_rows(name)])


def filled(text: str) -> str:
    """A document with its tables as they are declared."""
    return _BLOCK.sub(lambda block: f"<!-- settings {block[1]} -->\n\n{table(block[1])}\n\n<!-- end -->", text)


def _rows(name: str) -> Iterator[str]:
    for section in SECTIONS[name]:
        for one in declared(section).values():
            computed = DEFAULT_ADDRESSES.get(name.strip("[]"), MISSING) if one.key == "address" else MISSING
            default = one.setting.default or _default(one, one.default if computed is MISSING else computed)
            yield f"| `{one.key}` | {default} | {_allowed(one)} | {one.setting.meaning} |"


def _default(one: Declared, value: Any) -> str:
    if value is MISSING:
        return "required"
    if value is None or value == "":
        return "none"
    return f"`{_toml(value // one.setting.times if one.kind is int else value)}`"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Enum):
        return f'"{value.name.lower()}"'
    return f'"{value:f}"' if isinstance(value, Decimal) else f'"{value}"'


def _allowed(one: Declared) -> str:
    setting = one.setting
    if setting.allowed:
        return setting.allowed
    if issubclass(one.kind, Enum):
        return ", ".join(f"`{_toml(member)}`" for member in one.kind)
    if one.kind is bool:
        return "`true`, `false`"
    bounds = [f"above {setting.above}"] if setting.above is not None else []
    bounds += [f"at least {setting.least}"] if setting.least is not None else []
    return ", ".join(bounds)


def documents() -> Iterator[Path]:
    """The documents with such tables."""
    for path in sorted((Path(__file__).parents[2] / "docs").rglob("*.md")):
        if _BLOCK.search(path.read_text(encoding="utf-8")):
            yield path


def main() -> int:
    """Writes every document anew."""
    for path in documents():
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
