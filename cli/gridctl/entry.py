"""The `gridwright` command's first step: checks what it runs on before it imports anything that could fail on it.

Only the standard library is imported here.
"""

import sys

from gridctl.environment_check import first_problem

_UNUSABLE = 2  # as for a command or a config that cannot be used


def main() -> None:
    """The command. Exits with 2 and one sentence where Python, SQLite or an installed package is of no use."""
    reason = first_problem()
    if reason:
        sys.stderr.write(f"gridwright: {reason}\n")
        sys.exit(_UNUSABLE)
    from gridctl.__main__ import main as command  # what it brings along is known to be usable now

    command()
