"""Runs a service that ends with its parent: `python -m griddeploy.process.parent_watch LOG NAME …` runs module NAME.

Its output goes to the file LOG, which it rotates.

The parent holds the other end of the service's stdin. The kernel closes it whenever the parent ends, also by SIGKILL.
This works on every POSIX system and needs no code between fork and exec.
"""

import os
import runpy
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from griddeploy.process.log_rotation import rotate_forever
from gridservice.logs import without_secrets

GRACE_SECONDS = 10.0  # time for the service's clean stop


def main() -> None:
    """Runs the module that the command line names."""
    threading.Thread(target=_end_with_the_starter, name="leash", daemon=True).start()
    log = Path(sys.argv[1])
    threading.Thread(target=rotate_forever, args=(log,), name="log rotation", daemon=True).start()
    del sys.argv[:2]
    module = sys.argv[0]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except Exception as error:  # noqa: BLE001  # whatever it is, it ends the process
        sys.stderr.write(without_secrets(traceback.format_exc()))
        sys.stderr.write(f"{module}: {_sentence(error)}\n")  # the parent shows the last line
        sys.exit(1)


def _sentence(error: Exception) -> str:
    """The first line of the error's message; some messages have many lines."""
    lines = without_secrets(str(error)).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _end_with_the_starter() -> None:
    while os.read(0, 1):
        pass  # the parent never writes; end of file means that it has ended
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
