"""Changes a symbol's mode for operators and procedures, through the event queue and once per request id."""

import asyncio
from collections.abc import Callable

from gridcore.model.events import ModeChanged
from gridcore.model.state import State
from gridrpc.errors import RpcError, Unavailable
from orchestrator.store.journal import JournalRow
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.loop import SymbolLoop

Make = Callable[[State], ModeChanged | None]


class ModeChanger:
    """Changes one symbol's mode between two steps of its loop."""

    def __init__(self, context: SymbolContext, loop: SymbolLoop) -> None:
        self._context = context
        self._loop = loop

    async def change(
        self, request_id: str, make: Make, *, new_epoch: bool = False, patience_seconds: float | None = None
    ) -> JournalRow | None:
        """Commits the change that `make` returns for the then current state; returns None if `make` returns None.

        Idempotent: for a request id in the journal its row is returned. Raises the RpcError that `make` raises, and
        Unavailable if the step in progress takes longer than `patience_seconds`: the change is then dropped for good.
        """
        done: asyncio.Future[JournalRow | None] = asyncio.get_running_loop().create_future()
        begun = asyncio.Event()
        withdrawn = False

        async def command() -> None:
            if withdrawn:
                return
            begun.set()
            try:
                row = await self._commit(request_id, make, new_epoch=new_epoch)
            except RpcError as fault:
                _answer(done, fault)
            except BaseException:
                _answer(done, Unavailable("the orchestrator is stopping: repeat the call once it is back"))
                raise
            else:
                _answer(done, row)

        self._context.events.put_command(command)
        try:
            await asyncio.wait_for(begun.wait(), patience_seconds)
        except TimeoutError:
            withdrawn = True
            raise Unavailable(
                f"a step of {self._context.symbol} waits for the executor: nothing was changed, repeat the call "
                "once it answers; EnterSafeMode is recorded meanwhile: what the step has not sent is then never sent",
                reason="STEP_WAITS",
            ) from None
        return await done

    async def _commit(self, request_id: str, make: Make, *, new_epoch: bool) -> JournalRow | None:
        context = self._context
        repeated = await asyncio.to_thread(context.committed.find, request_id)
        if repeated is not None:
            return repeated
        change = make(context.state)
        if change is None:
            return None
        if new_epoch:
            await asyncio.to_thread(context.committed.raise_epoch)
        await self._loop.step(change, request_id)
        return await asyncio.to_thread(context.committed.find, request_id)


def _answer(done: asyncio.Future[JournalRow | None], answer: JournalRow | Exception | None) -> None:
    if done.done():
        return  # the caller was cancelled
    if isinstance(answer, Exception):
        done.set_exception(answer)
    else:
        done.set_result(answer)
