"""The documents describe the settings that the services read: all of them, and no others.

The services themselves list the settings of a section: asked for an unknown setting, they answer with the list.
"""

import re
import tomllib
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import tomli_w

import executor.config
import orchestrator.config
import pricemon.config
import simex.config
from griddeploy.demo.config import example
from gridservice.config_file import ConfigError, read_toml
from gridtesting.settings_page import documents, filled

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENTS = (DOCS / "configuration.md", DOCS / "simex.md", DOCS / "faults.md")
NOBODY_HAS = "no_such_setting"

Read = Callable[[Path], object]
READERS: dict[str, tuple[Read, str]] = {
    "database": (lambda path: executor.config.read_settings(read_toml(path), {}), "database"),
    "venue": (lambda path: executor.config.read_settings(read_toml(path), {}), "venue"),
    "executor": (lambda path: executor.config.read_settings(read_toml(path), {}), "executor"),
    "pricemon": (pricemon.config.read_settings, "pricemon"),
    "orchestrator": (orchestrator.config.load_settings, "orchestrator"),
    "grids": (orchestrator.config.load_settings, "grids[0]"),
    "grids.risk": (orchestrator.config.load_settings, "grids[0].risk"),
    "simex": (lambda path: simex.config.read_settings(read_toml(path).table("simex")), "simex"),
    "simex.markets": (lambda path: simex.config.read_settings(read_toml(path).table("simex")), "simex.markets[0]"),
    "simex.limits": (lambda path: simex.config.read_settings(read_toml(path).table("simex")), "simex.limits"),
    "simex.faults": (lambda path: simex.config.read_settings(read_toml(path).table("simex")), "simex.faults[0]"),
}


def section_of(values: dict[str, Any], name: str) -> dict[str, Any]:
    found: Any = values
    for key in name.split("."):
        found = found.setdefault(key, {})
        found = found[0] if isinstance(found, list) else found
    assert isinstance(found, dict)
    return found


def read_by_the_services(name: str, path: Path) -> set[str]:
    """The settings of a section, as its service lists them in the refusal of one that it does not know."""
    read, field = READERS[name]
    values = deepcopy(tomllib.loads(example("demo.toml")))
    values["simex"]["faults"] = [{"kind": "drop"}]
    section_of(values, name)[NOBODY_HAS] = 1
    path.write_text(tomli_w.dumps(values), encoding="utf-8")
    with pytest.raises(ConfigError) as refusal:
        read(path)
    assert refusal.value.field == f"{field}.{NOBODY_HAS}"
    known = refusal.value.remedy.partition("known here: ")[2]
    return set(known.split(", "))


def documented(name: str) -> set[str]:
    """The first column of the table whose head is the section's name, `[venue]` or `[[grids]]`."""
    head = re.compile(rf"^\| `\[+{re.escape(name)}\]+` \|.*\n\|-.*\n((?:\|.*\n)+)", re.MULTILINE)
    texts = (document.read_text(encoding="utf-8") for document in DOCUMENTS)
    tables = [table for text in texts for table in head.findall(text)]
    assert len(tables) == 1, f"{len(tables)} tables describe [{name}]"
    first_cells = [row.split("|")[1] for row in tables[0].splitlines()]
    return {key for cell in first_cells for key in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("name", READERS)
def test_the_settings_that_are_read_are_those_that_are_documented(name: str, tmp_path: Path) -> None:
    nested = {"risk", "markets", "balances", "accounts", "keys", "faults", "limits"}  # tables of their own
    assert documented(name) - nested == read_by_the_services(name, tmp_path / "grid.toml") - nested


@pytest.mark.parametrize("document", list(documents()), ids=lambda document: document.name)
def test_the_tables_of_settings_are_those_of_the_declarations(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert text == filled(text), "run: python -m gridtesting.settings_page"
