"""The list of active faults, which decides what each strikes and counts matches and strikes.

Chance is a function of the seed, the fault's id and the number of the match. So the same requests in the same order are
struck by the same faults, independent of other requests. Of several faults that would strike, the one that was added
first does; the later ones do not count the match.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from gridsim.chance import bits, uniform
from simex.faults.kinds import ANY, FORMS, Fault, Occasion


@dataclass(slots=True)
class ActiveFault:
    """An active fault: its id, its matches and its strikes."""

    id: int
    fault: Fault
    matched: int = 0
    fired: int = 0

    @property
    def spent(self) -> bool:
        """Whether it has reached its number of strikes."""
        return 0 < self.fault.count <= self.fired


@dataclass(slots=True)
class FaultPlan:
    """The active faults, oldest first. In memory only."""

    seed: int = 0
    _faults: dict[int, ActiveFault] = field(default_factory=dict[int, ActiveFault])
    _last_id: int = 0

    def add(self, fault: Fault) -> int:
        """Activates a fault after the others; returns its id."""
        self._last_id += 1
        self._faults[self._last_id] = ActiveFault(self._last_id, fault)
        return self._last_id

    def clear(self, ids: Collection[int] = ()) -> int:
        """Removes faults, all if no id is given; returns how many there were."""
        gone = [each for each in (ids or list(self._faults)) if self._faults.pop(each, None)]
        return len(gone)

    @property
    def faults(self) -> list[ActiveFault]:
        """All faults, active or spent, oldest first."""
        return list(self._faults.values())

    def expects(self, occasion: Occasion) -> bool:
        """Whether an active fault could strike on such an occasion."""
        return any(FORMS[each.fault.kind].occasion is occasion and not each.spent for each in self._faults.values())

    def strike(self, occasion: Occasion, where: str, account: str, now_ms: int) -> Fault | None:
        """The fault that strikes, if any. `where` is an endpoint's name, for EVENT and CONNECTION a stream's."""
        for each in self._faults.values():  # mostly empty: this is on the hot path of requests and events
            if _concerns(each, occasion, where, account, now_ms) and self._fires(each):
                return each.fault
        return None

    def _fires(self, standing: ActiveFault) -> bool:
        standing.matched += 1
        if standing.matched <= standing.fault.skip:
            return False
        drawn = uniform(bits(self.seed, (standing.id << 40) + standing.matched, 0))
        if drawn >= standing.fault.probability:
            return False
        standing.fired += 1
        return True


def _concerns(standing: ActiveFault, occasion: Occasion, where: str, account: str, now_ms: int) -> bool:
    fault = standing.fault
    if FORMS[fault.kind].occasion is not occasion or standing.spent:
        return False
    place = fault.stream if occasion in {Occasion.EVENT, Occasion.CONNECTION} else fault.endpoint
    return (
        place in {ANY, where}
        and fault.account in {ANY, account}
        and fault.from_ms <= now_ms
        and (not fault.until_ms or now_ms < fault.until_ms)
    )
