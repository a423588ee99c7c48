"""Rules that a test takes out, to show what they are for: a matrix that finds nothing without them would prove nothing.

GRIDWRIGHT_WITHOUT names them, joined by commas. A process without one breaks a promise of the design, and says so in a
warning at its start. What each rule does stands where it is asked for.
"""

import logging
from collections.abc import Mapping
from enum import Enum

from gridrpc.settings import ConfigError

WITHOUT = "GRIDWRIGHT_WITHOUT"

_log = logging.getLogger(__name__)


class Rule(Enum):
    """What can be taken out."""

    LOOK_BEFORE_SEND = "look-before-send"  # the executor: what was being sent when it died is looked up, not sent again
    COMMIT_GUARD = "commit-guard"  # the orchestrator: a step that is committed already is not committed again
    OFFSET_WITH_STATE = "offset-with-state"  # the orchestrator: an update counts as heard once its step is committed


def take_out(environ: Mapping[str, str]) -> None:
    """Takes the orders of the environment, once at the start. Raises ConfigError for a rule that there is not."""
    wanted = environ.get(WITHOUT, "")
    known = {rule.value: rule for rule in Rule}
    for name in filter(None, wanted.split(",")):
        if name not in known:
            raise ConfigError(WITHOUT, wanted, f"{name} is no such rule; there are {', '.join(known)}")
    _Out.rules = frozenset(known[name] for name in wanted.split(",") if name)
    if _Out.rules:
        _log.warning("this process works without %s and breaks its promises: %s is for tests only", wanted, WITHOUT)


def is_out(rule: Rule) -> bool:
    """Whether the process works without the rule."""
    return rule in _Out.rules


class _Out:
    rules: frozenset[Rule] = frozenset()
