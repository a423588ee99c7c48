"""Prices that a slow reader passes over: of any number of them a few are kept, enough for the jump rule.

Where the newest price replaces older ones, a jump that is over before anybody looks would depend on the speed of the
machine. The rule measures moves, so what is kept is the lowest and the highest price, and the ends of the largest rise
and of the largest fall.
"""

import itertools
from collections.abc import Iterable
from decimal import Decimal


def extremes(prices: Iterable[Decimal]) -> tuple[Decimal, ...]:
    """At most six of the prices, in their order.

    May be applied again to its own result with newer prices behind it: the answer is that of all prices at once.
    """
    given = tuple(prices)
    if len(given) <= 2:
        return given
    places = range(len(given))
    pairs = [(given[later] / given[earlier], earlier, later) for earlier, later in itertools.combinations(places, 2)]
    kept = {min(places, key=given.__getitem__), max(places, key=given.__getitem__), *max(pairs)[1:], *min(pairs)[1:]}
    return tuple(given[place] for place in sorted(kept))
