"""Checks before an RPC runs. Each raises an RpcError, which is the answer; nothing was done then."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from executor.service import Executor
from gridrpc.errors import InvalidArgument
from gridservice.config_file import did_you_mean

UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"  # a reason of InvalidArgument
Method = TypeVar("Method", bound=Callable[..., Any])


def requires(check: Callable[[Executor, Any], object]) -> Callable[[Method], Method]:
    """Decorates an RPC method: the check, which gets the executor and the request, runs before the method."""

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def checked(self: Any, request: Any, context: Any) -> Any:
            check(self._executor, request)
            return method(self, request, context)

        return cast("Method", checked)

    return decorate


def ready(executor: Executor, request: Any) -> None:
    """The executor is ready. For a request without a symbol."""
    del request
    executor.readiness.check_ready()


def symbol_of(executor: Executor, request: Any) -> str:
    """Returns the request's symbol. Raises InvalidArgument if the config has no grid of it."""
    symbol: str = request.symbol
    if symbol not in executor.symbols:
        known = ", ".join(executor.symbols)
        remedy = did_you_mean(symbol, executor.symbols, "add it to [[grids]] to trade it")
        raise InvalidArgument(f"symbol = {symbol!r}: this executor trades {known}; {remedy}", reason=UNKNOWN_SYMBOL)
    return symbol


def known(executor: Executor, request: Any) -> str:
    """The symbol is in the config, and the executor is ready. Returns the symbol."""
    symbol = symbol_of(executor, request)
    executor.readiness.check_ready()
    return symbol


def readable(executor: Executor, request: Any) -> None:
    """As `known`, and the symbol's log is caught up, unless it is no longer listed: its ledger can be read."""
    symbol = known(executor, request)
    if symbol not in executor.listing.refused:
        executor.listing.check(symbol)


def listed(executor: Executor, request: Any) -> None:
    """As `known`, and the venue lists the symbol and its log is caught up."""
    executor.listing.check(known(executor, request))
