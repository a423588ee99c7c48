"""Keeps the extremes of prices that a slow reader skips, so that the jump rule still sees every jump.

The newest price replaces unread older ones. Without the extremes, detecting a short jump would depend on the speed of
the machine. The rule measures moves, so the kept prices are the lowest, the highest, and both ends of the largest rise
and of the largest fall.
"""

import itertools
from collections.abc import Iterable
from decimal import Decimal


def extremes(prices: Iterable[Decimal]) -> tuple[Decimal, ...]:
    """Returns at most six of the prices, in their order.

    It can be applied again to its own result followed by newer prices, and gives the same as for all prices at once.
    """
    given = tuple(prices)
    if len(given) <= 2:
        return given
    places = range(len(given))
    pairs = [(given[later] / given[earlier], earlier, later) for earlier, later in itertools.combinations(places, 2)]
    kept = {min(places, key=given.__getitem__), max(places, key=given.__getitem__), *max(pairs)[1:], *min(pairs)[1:]}
    return tuple(given[place] for place in sorted(kept))
