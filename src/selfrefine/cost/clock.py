"""Fair clocks: cases take turns, so that a machine that slows down slows them all; medians, and how far they vary."""

import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch

Clock = Callable[[], float]  # seconds since some moment
Line = dict[str, Any]  # of a table
KeyT = TypeVar("KeyT", bound=Hashable)


@dataclass(frozen=True)
class Case:
    """Something to be timed.

    Args:
        action: what.
        calls: how often in a row one measurement calls it.
        warm_up: whether it is called once before, untimed; not needed where other cases warm the same operations.
    """

    action: Callable[[], object]
    calls: int = 1
    warm_up: bool = True


class Spread(NamedTuple):
    """The median over rounds, and the lowest and the highest round."""

    value: float
    low: float
    high: float


def clock_of(device: torch.device) -> Clock:
    """A clock that waits until an accelerator has done all that it was told."""
    if device.type == "cpu":
        return time.perf_counter
    module = torch.get_device_module(device)

    def clock() -> float:
        module.synchronize()
        return time.perf_counter()

    return clock


def interleaved(
    label: str, cases: Mapping[KeyT, Case], rounds: int, clock: Clock, tell: Callable[[str], None]
) -> dict[KeyT, list[float]]:
    """Seconds of one call of each case, (rounds,) each. The order turns round after every round: A B, B A, A B, ...

    Args:
        label: for the progress lines.
        cases: what is timed.
        rounds: measurements of each.
        clock: read before and after each.
        tell: takes a progress line.
    """
    for case in cases.values():
        if case.warm_up:
            case.action()
    seconds: dict[KeyT, list[float]] = {key: [] for key in cases}
    began = clock()
    for number in range(rounds):
        for key in list(cases)[:: 1 if number % 2 == 0 else -1]:
            start = clock()
            for _ in range(cases[key].calls):
                cases[key].action()
            seconds[key].append((clock() - start) / cases[key].calls)
        left = (clock() - began) / (number + 1) * (rounds - number - 1)
        tell(f"{label}: round {number + 1}/{rounds}, {left:.0f} s left")
    return seconds


def spread(values: Sequence[float]) -> Spread:
    """Median, lowest and highest."""
    return Spread(statistics.median(values), min(values), max(values))


def quotients(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """The ratio in each round: what both share of a round's speed cancels."""
    return [one / other for one, other in zip(over, under, strict=True)]


def rate_lines(seconds: Mapping[str, Sequence[float]], images: int, reference: str) -> list[Line]:
    """Images per second of each case and how many times as fast as the reference it is.

    Args:
        seconds: of one call, by round.
        images: that one call makes or learns from.
        reference: one of the cases.
    """
    lines = []
    for case, values in seconds.items():
        rate, ratio = spread([images / value for value in values]), spread(quotients(seconds[reference], values))
        line = {"case": case, "images_per_second": rate.value, "low": rate.low, "high": rate.high}
        lines.append(line | {"ratio": ratio.value, "ratio_low": ratio.low, "ratio_high": ratio.high})
    return lines


def name_of(dtype: torch.dtype) -> str:
    """ "float32", "bfloat16"."""
    return str(dtype).removeprefix("torch.")
