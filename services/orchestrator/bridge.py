"""From a workflow's thread to the asyncio loop and back, and out of it when the process stops."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from orchestrator.errors import Abandoned

T = TypeVar("T")


class Bridge:
    """Runs coroutines on the loop for threads that wait. After `close`, all of them are abandoned."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: set[Future[Any]] = set()
        self._mutex = threading.Lock()
        self._closed = False

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result. Raises Abandoned where the process stops first."""
        with self._mutex:
            if self._closed:
                coroutine.close()
                raise Abandoned
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._waiting.add(future)
        try:
            return future.result()
        except CancelledError:
            raise Abandoned from None
        finally:
            with self._mutex:
                self._waiting.discard(future)

    def close(self) -> None:
        """Cancels what runs and refuses what comes."""
        with self._mutex:
            self._closed = True
            waiting = list(self._waiting)
        for future in waiting:
            future.cancel()
