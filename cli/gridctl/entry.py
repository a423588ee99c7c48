"""The entry point of `gridwright`: checks the environment before it imports anything that an old one breaks.

Only the standard library is imported here.
"""

import sys

from gridctl.environment_check import first_problem

_UNUSABLE = 2  # as for a command or a config that cannot be used


def main() -> None:
    """Runs the command. Exits with 2 and a sentence if Python, SQLite or an installed package is unusable."""
    reason = first_problem()
    if reason:
        sys.stderr.write(f"gridwright: {reason}\n")
        sys.exit(_UNUSABLE)
    from gridctl.__main__ import main as command  # its dependencies have been checked

    command()
