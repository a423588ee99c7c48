"""Runs coroutines for workflow threads on the asyncio loop, and interrupts the waiting threads at shutdown."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any, TypeVar

from orchestrator.errors import Abandoned

T = TypeVar("T")


class ThreadBridge:
    """Tracks what threads wait for. `close` cancels all of it: each waiting thread gets Abandoned."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._cancels: set[Callable[[], object]] = set()
        self._mutex = threading.Lock()
        self._closed = threading.Event()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Blocks until the coroutine returns and returns its result. Raises Abandoned if the bridge is closed first."""
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
        """Registers `cancel` for a block that waits. After `close`, exceptions of the block become Abandoned."""
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
        """Whether `close` was called."""
        return self._closed.is_set()

    def pause(self, seconds: float) -> None:
        """Sleeps. Raises Abandoned if the bridge is closed first."""
        if self._closed.wait(seconds):
            raise Abandoned

    def close(self) -> None:
        """Cancels all waiting calls and rejects new ones."""
        self._closed.set()
        with self._mutex:
            waiting = list(self._cancels)
        for cancel in waiting:
            cancel()
