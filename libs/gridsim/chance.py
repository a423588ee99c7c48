"""Deterministic random numbers: the same seed, event and draw give the same number on every machine, permanently.

Counter-based (SplitMix64, Steele et al. 2014): a simulation can continue from any event without replaying the ones
before it. Integer arithmetic only: the result does not depend on a platform's floating point.
"""

from decimal import Decimal
from functools import cache

_MASK = 2**64 - 1
_GAMMA = 0x9E3779B97F4A7C15
_SD_OF_FOUR = Decimal(37837)  # of the sum of four uniform 16-bit numbers: sqrt(4 (2**32 - 1) / 12)


def bits(seed: int, event: int, draw: int) -> int:
    """Returns 64 uniform bits, independent for each event and each of its draws (0 to 7)."""
    return _mix(_stream(seed) + (event * 8 + draw) * _GAMMA)


def uniform(word: int) -> Decimal:
    """Returns the bits as a number from 0 (included) to 1 (excluded)."""
    return Decimal(word >> 32) / 2**32


def normal(word: int) -> Decimal:
    """Returns the bits as a number of mean 0 and standard deviation 1: the sum of four uniforms, never beyond ±3.5."""
    total = sum((word >> shift) & 0xFFFF for shift in (0, 16, 32, 48))
    return (total - 131_070) / _SD_OF_FOUR


@cache  # the same for every event of a simulation
def _stream(seed: int) -> int:
    return _mix(seed & _MASK)


def _mix(value: int) -> int:
    value = (value + _GAMMA) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
