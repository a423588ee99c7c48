"""Reads configuration: TOML to typed values. Every error is a sentence with field, value and remedy."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

E = TypeVar("E", bound=Enum)
T = TypeVar("T")

MISSING: Any = object()
HIDDEN: Any = object()


class ConfigError(Exception):
    """An unusable setting. The message names field, value and remedy; commands exit with 2.

    The value MISSING is shown as `is missing`, a HIDDEN one as `***`.
    """

    def __init__(self, field: str, value: object, remedy: str) -> None:
        shown = "is missing" if value is MISSING else "= ***" if value is HIDDEN else f"= {value!r}"
        super().__init__(f"{field} {shown}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy


class Table:
    """A TOML table with checked reads. It records the keys that were read, to detect unknown ones."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path
        self._read: set[str] = set()

    def field(self, key: str) -> str:
        """The key's full name, as error messages show it."""
        return f"{self._path}.{key}" if self._path else key

    def text(self, key: str, default: Any = MISSING) -> str:
        """Reads a string."""
        return self._typed(key, str, default, "give a string")

    def texts(self, key: str, default: Any = MISSING) -> list[str]:
        """Reads an array of strings."""
        values = self._typed(key, list, default, "give an array of strings")
        if not all(isinstance(value, str) for value in values):
            raise ConfigError(self.field(key), values, "give an array of strings")
        return values

    def flag(self, key: str, default: Any = MISSING) -> bool:
        """Reads true or false."""
        return self._typed(key, bool, default, "give true or false")

    def integer(self, key: str, default: Any = MISSING, *, least: int | None = None) -> int:
        """Reads a whole number of at least `least`."""
        remedy = "give a whole number" + (f" of at least {least}" if least is not None else "")
        value = self._typed(key, int, default, remedy)
        if isinstance(value, bool) or (least is not None and value < least):
            raise ConfigError(self.field(key), value, remedy)
        return value

    def has(self, key: str) -> bool:
        """Whether the file has the key, which is known from now on."""
        self._read.add(key)
        return key in self._values

    def refusal(self, key: str, remedy: str, *, hidden: bool = False) -> ConfigError:
        """The error for a value as the file has it."""
        return ConfigError(self.field(key), HIDDEN if hidden else self._values[key], remedy)

    def overridden(self, values: Mapping[str, Any]) -> "Table":
        """A copy of the table with some values replaced, as command-line flags override those of a file."""
        return Table({**self._values, **values}, self._path)

    def names(self) -> list[str]:
        """The keys in the file, for a table whose keys the user chooses."""
        return list(self._values)

    def decimal(
        self,
        key: str,
        default: Any = MISSING,
        *,
        above: Decimal | int | None = None,
        least: Decimal | int | None = None,
    ) -> Decimal:
        """Reads a decimal string greater than `above` and not below `least`. A float cannot represent money exactly."""
        value = self._raw(key, default)
        if isinstance(value, Decimal):
            return value
        remedy = 'give a decimal as a string, such as "0.01"'
        remedy += f", above {above}" if above is not None else f", at least {least}" if least is not None else ""
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise ConfigError(self.field(key), value, remedy)
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise ConfigError(self.field(key), value, remedy) from None
        if not number.is_finite() or (above is not None and number <= above) or (least is not None and number < least):
            raise ConfigError(self.field(key), value, remedy)
        return number

    def choice(self, key: str, kind: type[E], default: Any = MISSING) -> E:
        """Reads a member of an enum, by its lower-case name."""
        value = self._raw(key, default)
        if isinstance(value, kind):
            return value
        names = [member.name.lower() for member in kind]
        if not isinstance(value, str) or value not in names:
            raise ConfigError(self.field(key), value, f"give one of {', '.join(names)}")
        return kind[value.upper()]

    def table(self, key: str) -> "Table":
        """Reads a sub-table, empty if absent."""
        return Table(self._typed(key, dict, {}, f"make it a table: [{self.field(key)}]"), self.field(key))

    def tables(self, key: str) -> "list[Table]":
        """Reads an array of tables, empty if absent."""
        rows = self._typed(key, list, [], f"make it an array of tables: [[{self.field(key)}]]")
        for row in rows:
            if not isinstance(row, dict):
                raise ConfigError(self.field(key), row, f"make it an array of tables: [[{self.field(key)}]]")
        return [Table(row, f"{self.field(key)}[{number}]") for number, row in enumerate(rows)]

    def refuse_unread(self) -> None:
        """Raises ConfigError for a key that was never read: a misspelt limit must not silently be no limit."""
        for key in self._values:
            if key not in self._read:
                known = ", ".join(sorted(self._read))
                raise ConfigError(self.field(key), self._values[key], f"no such setting; known here: {known}")

    def _raw(self, key: str, default: Any) -> Any:
        self._read.add(key)
        value = self._values.get(key, default)
        if value is MISSING:
            raise ConfigError(self.field(key), MISSING, "add it; docs/configuration.md describes it")
        return value

    def _typed(self, key: str, kind: type[T], default: Any, remedy: str) -> T:
        value = self._raw(key, default)
        if not isinstance(value, kind):
            raise ConfigError(self.field(key), value, remedy)
        return value


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """The remedy for an unknown name: the known names that are similar to it, or else `otherwise`."""
    alike = difflib.get_close_matches(name.upper(), list(known))
    return f"did you mean {' or '.join(alike)}?" if alike else otherwise


def variable_or_file(environment: Mapping[str, str], name: str) -> str:
    """Reads an environment variable, or the file that its `_FILE` twin names. Empty if neither is set."""
    path = environment.get(f"{name}_FILE", "")
    if not path:
        return environment.get(name, "").strip()
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"environment variable {name}_FILE", path, f"the file cannot be read ({error.strerror}); give one that can"
        ) from error


def read_toml(path: Path) -> Table:
    """Reads a TOML file as a table. Raises ConfigError if it cannot be read or is not TOML."""
    try:
        return Table(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(
            "config", str(path), f"the file cannot be read ({error.strerror}); give the path of a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("config", str(path), f"not valid TOML: {error}; fix that line") from error
