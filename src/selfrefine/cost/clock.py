"""Fair clocks: cases take turns, so that a machine that slows down slows them all; medians, and how far they vary."""

import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

import torch

Clock = Callable[[], float]  # seconds since some moment
Line = dict[str, Any]  # of a table
Case = tuple[Callable[[], object], int]  # an action, and how often in a row one measurement calls it
KeyT = TypeVar("KeyT", bound=Hashable)


def clock_of(device: torch.device) -> Clock:
    """A clock that waits until an accelerator has done all that it was given."""
    if device.type == "cpu":
        return time.perf_counter
    module = torch.get_device_module(device)
    of_which = () if device.index is None else (device,)  # of several GPUs the one that was taken

    def clock() -> float:
        module.synchronize(*of_which)
        return time.perf_counter()

    return clock


def work_clock_of(device: torch.device) -> Clock:
    """The same for work of this process alone: where one thread computes its processor's time, which other programs
    hardly change.
    """
    return time.process_time if device.type == "cpu" and torch.get_num_threads() == 1 else clock_of(device)


def interleaved(
    label: str, cases: Mapping[KeyT, Case], rounds: int, clock: Clock, message: Callable[[str], None]
) -> dict[KeyT, list[float]]:
    """Seconds of one call of each case, (rounds,) each; one call before is not timed. The order turns round after every
    round: A B, B A, A B, ... Each round is a line of progress, with the label.
    """
    for action, _ in cases.values():
        action()
    seconds: dict[KeyT, list[float]] = {key: [] for key in cases}
    began = clock()
    for number in range(rounds):
        for key in list(cases)[:: 1 if number % 2 == 0 else -1]:
            action, calls = cases[key]
            start = clock()
            for _ in range(calls):
                action()
            seconds[key].append((clock() - start) / calls)
        left = (clock() - began) / (number + 1) * (rounds - number - 1)
        message(f"{label}: round {number + 1}/{rounds}, {left:.0f} s left")
    return seconds


def spread(name: str, values: Sequence[float]) -> Line:
    """Median over rounds, lowest and highest round: `name`, `name`_low, `name`_high."""
    return {name: statistics.median(values), f"{name}_low": min(values), f"{name}_high": max(values)}


def rate_lines(seconds: Mapping[str, Sequence[float]], images: int) -> list[Line]:
    """Images per second of each case and how many times as fast as the first it is; a call has so many."""
    reference = next(iter(seconds.values()))
    return [
        {"case": case}
        | spread("images_per_second", [images / value for value in values])
        | spread("ratio", [one / other for one, other in zip(reference, values, strict=True)])
        for case, values in seconds.items()
    ]


def name_of(dtype: torch.dtype) -> str:
    """ "float32", "bfloat16"."""
    return str(dtype).removeprefix("torch.")
