"""Ends processes that we stopped with SIGSTOP when we end: a stopped process cannot notice that we have ended."""

import contextlib
import subprocess

_LINE = b"\n"
_WATCH = 'read line || kill -KILL "$@"'  # end of input means that we have ended; a line makes it exit without killing


class EndedWithUs:
    """A shell that sends SIGKILL to the processes once we have ended, also if we end by SIGKILL."""

    def __init__(self, *pids: int) -> None:
        # In its own session: a signal that ends our process group must not end the shell before it has done its work.
        self._shell = subprocess.Popen(  # noqa: S603  # our own arguments
            ["/bin/sh", "-c", _WATCH, "sh", *map(str, pids)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def release(self) -> None:
        """The processes continue or have ended: their pids are not signalled any more. May be repeated."""
        assert self._shell.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._shell.stdin.write(_LINE)
            self._shell.stdin.close()
        self._shell.wait()
