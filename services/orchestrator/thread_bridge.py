"""From a workflow's thread to the asyncio loop and back, and out of whatever it waits for when the process stops."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any, TypeVar

from orchestrator.errors import Abandoned

T = TypeVar("T")


class ThreadBridge:
    """What threads wait for. After `close`, all of them are abandoned."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._cancels: set[Callable[[], object]] = set()
        self._mutex = threading.Lock()
        self._closed = threading.Event()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result. Raises Abandoned where the process stops first."""
        if self._closed.is_set():
            coroutine.close()
            raise Abandoned
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        with self.waiting(future.cancel):
            try:
                return future.result()
            except CancelledError:
                raise Abandoned from None

    @contextmanager
    def waiting(self, cancel: Callable[[], object]) -> Iterator[None]:
        """A block that waits for what `cancel` ends. What it raises once the process stops is Abandoned."""
        with self._mutex:
            self._cancels.add(cancel)
        if self._closed.is_set():
            cancel()
        try:
            yield
        except Exception:
            if self._closed.is_set():
                raise Abandoned from None
            raise
        finally:
            with self._mutex:
                self._cancels.discard(cancel)

    @property
    def closed(self) -> bool:
        """Whether nobody is to wait any more."""
        return self._closed.is_set()

    def pause(self, seconds: float) -> None:
        """Waits. Raises Abandoned where the process stops first."""
        if self._closed.wait(seconds):
            raise Abandoned

    def close(self) -> None:
        """Cancels what is waited for and refuses what comes."""
        self._closed.set()
        with self._mutex:
            waiting = list(self._cancels)
        for cancel in waiting:
            cancel()
