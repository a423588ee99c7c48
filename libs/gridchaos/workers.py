"""The processes that play cases and storms beside one another."""

import contextlib
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor


@contextlib.contextmanager
def working(jobs: int) -> Iterator[Executor]:
    """So many for the block; what has not begun when it is broken off never does."""
    # Spawned, not forked: each has a fork server of its own for its services, and gRPC must not be forked.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as workers:
        try:
            yield workers
        except BaseException:
            workers.shutdown(wait=False, cancel_futures=True)
            raise
