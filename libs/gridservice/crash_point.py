"""Crash points: named places at which a test can make the process die by SIGKILL. A disabled point costs nothing.

GRIDWRIGHT_CRASH selects the place: `name`, `name:3` for the third pass since startup, `*:17` for the seventeenth pass
of any point. With the prefix `stop:` the process stops there (SIGSTOP) until it gets SIGCONT. GRIDWRIGHT_CRASH_TRACE
names a file that gets one line per pass with the point's name. The names are in `crash_point_names`.
"""

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping

from gridservice.config_file import ConfigError, did_you_mean
from gridservice.crash_point_names import CRASH_POINTS

CRASH, TRACE = "GRIDWRIGHT_CRASH", "GRIDWRIGHT_CRASH_TRACE"
ANY = "*"
STOP = "stop:"

_log = logging.getLogger(__name__)


def arm(environ: Mapping[str, str]) -> None:
    """Reads GRIDWRIGHT_CRASH and GRIDWRIGHT_CRASH_TRACE once at startup. Without them every crash point is disabled.

    Raises ConfigError for an unknown name, a pass that is no number, or a trace file that cannot be written.
    """
    wanted, trace = environ.get(CRASH, ""), environ.get(TRACE, "")
    name, at_pass = _order(wanted.removeprefix(STOP)) if wanted else ("", 0)
    end = _stop if wanted.startswith(STOP) else _die
    _Armed.crash = _Crash(name, at_pass, end, _opened(trace) if trace else None) if wanted or trace else None
    if wanted:
        _log.warning("this process ends itself at crash point %s: %s is for tests only", wanted, CRASH)


def crash_point(name: str) -> None:
    """Marks a crash point. Returns, unless this pass was selected as the one to die at."""
    if _Armed.crash is not None:
        _Armed.crash.passed(name)


def around(name: str) -> contextlib.AbstractContextManager[None]:
    """The points `name.before` and `name.after` around a durable write or a call, which is the block.

    `name.after` is passed if the block returned or raised an error, but not if it was cancelled.
    """
    return _OFF if _Armed.crash is None else _Around(name)


def _order(wanted: str) -> tuple[str, int]:
    name, colon, number = wanted.partition(":")
    if name != ANY and name not in CRASH_POINTS:
        remedy = did_you_mean(
            name, [known.upper() for known in CRASH_POINTS], "give a name of gridservice.crash_point_names"
        )
        raise ConfigError(CRASH, wanted, f"no such crash point; {remedy.lower()}")
    if colon and not (number.isdecimal() and int(number) > 0):
        raise ConfigError(CRASH, wanted, f"give the pass as a whole number from 1, such as {name}:3")
    return name, int(number) if colon else 1


def _opened(trace: str) -> int:
    try:
        return os.open(trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(TRACE, trace, f"it cannot be written ({error.strerror}); name a file in a folder") from error


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop() -> None:
    # To this thread: a signal to the process may reach another thread first, while this one continues.
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


class _Crash:
    """The selected crash point and the pass counters. Points are passed on any thread."""

    def __init__(self, name: str, at_pass: int, end: Callable[[], None], trace: int | None) -> None:
        self._name = name
        self._passes_left = at_pass
        self._end = end
        self._trace = trace
        self._mutex = threading.Lock()

    def passed(self, name: str) -> None:
        with self._mutex:
            if self._trace is not None:
                os.write(self._trace, f"{name}\n".encode())
            if self._name in {name, ANY}:
                self._passes_left -= 1
                if self._passes_left == 0:
                    self._end()


class _Armed:
    crash: _Crash | None = None


class _Around(contextlib.AbstractContextManager[None]):
    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        crash_point(f"{self._name}.before")

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is None or isinstance(error, Exception):
            crash_point(f"{self._name}.after")


_OFF = contextlib.nullcontext()
