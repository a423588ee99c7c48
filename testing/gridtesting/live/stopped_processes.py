"""Processes that we stop with SIGSTOP must not outlive us: a stopped one cannot notice that we have ended."""

import contextlib
import subprocess

_LINE = b"\n"
_WATCH = 'read line || kill -KILL "$@"'  # the end of its input is our end; a line lets it go without harm


class EndedWithUs:
    """A shell that sends SIGKILL to the processes once we have ended, by a signal that leaves us no time too."""

    def __init__(self, *pids: int) -> None:
        # In a session of its own: what ends our whole process group must not end it before it has done its work.
        self._shell = subprocess.Popen(  # noqa: S603  # our own words
            ["/bin/sh", "-c", _WATCH, "sh", *map(str, pids)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def release(self) -> None:
        """They go on, or have ended: nothing more is done to these numbers. May be repeated."""
        assert self._shell.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._shell.stdin.write(_LINE)
            self._shell.stdin.close()
        self._shell.wait()
