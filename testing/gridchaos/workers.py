"""Worker processes that play cases and storms in parallel."""

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor


@contextlib.contextmanager
def working(jobs: int) -> Iterator[Executor]:
    """Runs the given number of workers for the block; on an interrupt, tasks that have not begun are dropped."""
    # Spawned, not forked: each has its own fork server for its services, and gRPC must not be forked.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as workers:
        try:
            with _interrupted_by_sigterm():
                yield workers
        except BaseException:
            workers.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():  # their services end with them, stopped ones too
                worker.terminate()
            raise


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM end the block as Ctrl-C does, in a thread that may handle signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
