"""Few cases that hold every allowed pair of values of some switches: most faults of a combination are faults of two."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Case = dict[str, Any]


def cases(switches: Mapping[str, Sequence[Any]], allowed: Callable[[Case], bool]) -> list[Case]:
    """Cases that hold every pair of values that any allowed case holds; always the same ones.

    Args:
        switches: name to values.
        allowed: whether a whole case means something.
    """
    every = [dict(zip(switches, values, strict=True)) for values in itertools.product(*switches.values())]
    every = [case for case in every if allowed(case)]
    bits: dict[Any, int] = {}  # of each pair one
    held = [
        sum(1 << bits.setdefault(pair, len(bits)) for pair in itertools.combinations(case.items(), 2)) for case in every
    ]
    left, chosen = (1 << len(bits)) - 1, []
    while left:
        best = max(range(len(every)), key=lambda number: (held[number] & left).bit_count())
        chosen.append(every[best])
        left &= ~held[best]
    return chosen
