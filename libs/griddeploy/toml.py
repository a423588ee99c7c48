"""Writes a TOML file from values as tomllib returns them: a run saves its changed copy of an example."""

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(values: Mapping[str, Any]) -> str:
    """Serialises strings, integers, booleans, tables and arrays of tables so that tomllib reads the same values."""
    return "\n".join(_lines(values, "")).lstrip("\n") + "\n"


def _lines(values: Mapping[str, Any], path: str) -> list[str]:
    lines = [f"{_key(key)} = {_scalar(value)}" for key, value in values.items() if not _is_table(value)]
    for key, value in values.items():
        full = f"{path}.{_key(key)}" if path else _key(key)
        if isinstance(value, Mapping):
            lines += ["", f"[{full}]", *_lines(value, full)]
        elif _is_table(value):
            for row in value:
                lines += ["", f"[[{full}]]", *_lines(row, full)]
    return lines


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _scalar(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_scalar(item) for item in value)}]"
    if isinstance(value, str | int | float):  # JSON and TOML write these, and booleans, the same way
        return json.dumps(value, ensure_ascii=False)
    raise TypeError(f"{value!r} has no place in a config file")
