"""The maps of a refinement phase: the one in use, and what is kept of all, in memory that refreshes do not fill."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from selfrefine.core import flat_maps
from selfrefine.guidance import control_maps
from selfrefine.guidance.refinement import Maps

MOST_KEPT = 32  # maps that are kept whole beside the last one; of all others the mean and a row of numbers

# Makes the maps of a refresh: from the network with its EMA weights, the number of the refresh, and the first mFAM.
Maker = Callable[[nn.Module, int, Tensor | None], Maps]


class Row(NamedTuple):
    """A refresh in numbers: the step that followed it; mean and std of the map used and of the mFAM M_k; r of the
    former with M_k and M_0. A map that is constant has no correlation: NaN.
    """

    step: int
    mean: float
    std: float
    mfam_mean: float
    mfam_std: float
    r_mfam: float
    r_first: float


class MapHistory:
    """The refreshes of a phase, a `Refresh`. On the device lie two maps, in a checkpoint at most 2 * MOST_KEPT + 3.

    Args:
        make: makes the maps of a refresh.
    """

    def __init__(self, make: Maker) -> None:
        self.make = make
        self.current: Tensor | None = None
        self.rows: list[Row] = []
        self._first: Tensor | None = None
        self._total: Tensor | None = None  # of the maps used, float64
        self._kept: dict[int, Maps] = {}  # number of a refresh -> its maps, on the CPU

    def __call__(self, network: nn.Module, step: int) -> None:
        """Makes the maps that are in use from this step on."""
        number = len(self.rows)
        made = self.make(network, number, self._first)
        self.current, self._first = made.used, made.mfam if self._first is None else self._first
        mfam, used = made.mfam.cpu(), made.used.cpu().clone()  # may be one tensor; a checkpoint takes none twice
        total = made.used.cpu().double()
        self._total = total if self._total is None else self._total + total
        self._kept = {kept: maps for kept, maps in self._kept.items() if is_kept(kept, number)}
        self._kept[number] = Maps(mfam, used)
        self.rows.append(_row(step, self._kept[number], self._kept[0].mfam))

    @property
    def kept(self) -> list[int]:
        """The numbers of the refreshes whose maps are kept, in order: the first, evenly spread ones, the last."""
        return list(self._kept)

    def stack(self, size: int) -> Maps:
        """The kept maps, (k, size, size) float32 on the CPU."""
        if not self._kept:
            return Maps(*(torch.zeros((0, size, size)) for _ in Maps._fields))
        kept = self._kept.values()
        return Maps(torch.stack([maps.mfam for maps in kept]), torch.stack([maps.used for maps in kept]))

    def mean(self, size: int) -> Tensor:
        """The mean of the maps used over all refreshes, (1, size, size) float32; of no refresh (0, size, size)."""
        return torch.zeros((0, size, size)) if self._total is None else (self._total / len(self.rows)).float()[None]

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds beside `rows`."""
        found = {f"{number}/{kind}": value for number, maps in self._kept.items() for kind, value in _named(maps)}
        return found if self._total is None else found | {"total": self._total}

    def restore(self, tensors: Mapping[str, Tensor], rows: list[list[float]], device: torch.device) -> None:
        """Takes over what `tensors` and `rows` were."""
        self.rows = [Row(int(step), *numbers) for step, *numbers in rows]
        numbers = sorted({int(name.split("/")[0]) for name in tensors if name != "total"})
        self._kept = {number: Maps(*(tensors[f"{number}/{kind}"] for kind in Maps._fields)) for number in numbers}
        if numbers:
            self._total = tensors["total"]
            self._first, self.current = self._kept[0].mfam.to(device), self._kept[numbers[-1]].used.to(device)


def doubt(rows: Sequence[Row], kind: control_maps.GuidanceMap) -> str:
    """What must be said of the maps that a phase has used; "" where nothing must.

    Args:
        rows: of its refreshes.
        kind: of map; one that is uniform by design is no surprise.
    """
    empty, flat = flat_maps.counted((row.mean for row in rows), (row.std for row in rows))
    told = [f"0 everywhere at {empty} of {len(rows)} refreshes: there it steers nothing"] if empty else []
    if flat and kind != "uniform":
        told.append(f"the same everywhere at {flat} of {len(rows)} refreshes: there it has strength and no place")
    return f"the map is {', '.join(told)}; see the highlighter in Table 6" if told else ""


def is_kept(number: int, last: int) -> bool:
    """Whether the map of a refresh is kept when the last refresh has the number `last`: each 2^n-th, at most MOST_KEPT.

    So nobody needs to know how many refreshes there will be.
    """
    stride = 1
    while last // stride >= MOST_KEPT:
        stride *= 2
    return number % stride == 0


def _named(maps: Maps) -> list[tuple[str, Tensor]]:
    return list(zip(Maps._fields, maps, strict=True))


def _row(step: int, maps: Maps, first: Tensor) -> Row:
    """A refresh in numbers."""
    moments = [float(moment) for one in (maps.used, maps.mfam) for moment in (one.mean(), one.std(correction=0))]
    return Row(step, *moments, *(control_maps.correlation(maps.used, other) for other in (maps.mfam, first)))
