"""Since when orders are UNKNOWN, for people to see: since the steps that placed them, which the journal tells.

It decides nothing. How such an order ends is the executor's to find out.
"""

from collections.abc import Callable, Sequence

from gridcore.actions import ActionResult, Outcome
from gridcore.ids import parse_client_order_id
from gridcore.orders import OrderStatus
from gridcore.state import State
from gridcore.triggers import Plan
from orchestrator.journal import JournalRow


def unknown_orders(state: State) -> list[str]:
    """Client ids of the orders whose outcome is not known; each keeps its slot and its capital."""
    orders = (slot.order for slot in state.slots.values())
    return [order.client_order_id for order in orders if order is not None and order.status is OrderStatus.UNKNOWN]


class Doubts:
    """Remembers when each UNKNOWN order was decided on, in Unix milliseconds."""

    def __init__(self, state: State, find_step: Callable[[int], JournalRow | None]) -> None:
        self._since_ms: dict[str, int] = {}
        for name in unknown_orders(state):
            parsed = parse_client_order_id(name)
            row = None if parsed is None else find_step(parsed.seq)
            if row is not None:  # else it is older than the journal goes back
                self._since_ms[name] = row.plan.trigger.at_ms

    def note(self, plan: Plan, results: Sequence[ActionResult], state: State) -> None:
        """A step was committed with these results and left this state."""
        doubted = (result.client_order_id for result in results if result.outcome is Outcome.UNKNOWN)
        self._since_ms.update(dict.fromkeys(doubted, plan.trigger.at_ms))
        if self._since_ms:
            left = set(unknown_orders(state))
            self._since_ms = {name: since for name, since in self._since_ms.items() if name in left}

    def oldest_ms(self) -> int | None:
        """Since when the oldest one is in doubt; None where there is none, or none that the journal still has."""
        return min(self._since_ms.values(), default=None)
