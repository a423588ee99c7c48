"""Runs a service on a leash: `python -m gridctl.leash NAME …` is a `python -m NAME …` that ends when its starter does.

The starter holds the other end of our stdin, and the kernel closes that however the starter ends, SIGKILL included.
This works on every POSIX system and needs no code between fork and exec.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 10.0  # for the service's own clean stop


def main() -> None:
    """Becomes the module that the command line names."""
    threading.Thread(target=_end_with_the_starter, name="leash", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_the_starter() -> None:
    while os.read(0, 1):
        pass  # nothing is ever sent; the end of the file is the message
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
