"""Is the map of a cheap refresh the same map: its agreement with a map of many images and many steps (method 11.6).

One pool of images is sampled for each number of steps and explained once. The means over disjoint groups of it are the
maps that refreshes of that size would have made, and their spread is what chance does to one refresh.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from selfrefine.core.errors import InputError
from selfrefine.evidence import map_correlation
from selfrefine.evidence.jackknife_maps import MeanMap
from selfrefine.guidance import control_maps

REFERENCE, CANDIDATE = "reference", "candidate"
FEWEST_REPEATS = 2  # groups whose standard deviation exists
NAMES = ["dataset", "model", "highlighter", "seed"]
ENDLESS = "r_endless"  # of maps of endlessly many images: what the steps alone do


class Size(NamedTuple):
    """What a refresh spends: images, and DDIM steps of each."""

    images: int
    steps: int

    @classmethod
    def parse(cls, text: str) -> "Size":
        """The size in a text like 64x10: 64 images of 10 steps.

        Raises:
            InputError: another text.
        """
        images, _, steps = text.partition("x")
        if not (images.isdecimal() and steps.isdecimal() and int(images) > 0 and int(steps) > 1):
            raise InputError(f"{text!r} is no size of a refresh; IMAGESxSTEPS needed, like 64x10, of 2 steps or more")
        return cls(int(images), int(steps))

    def __str__(self) -> str:
        return f"{self.images} x {self.steps}"

    @property
    def evaluations(self) -> int:
        """Network evaluations of one refresh, each of one image."""
        return self.images * self.steps

    def cost(self, cycle: int, batch_size: int) -> float:
        """What it adds to a step of plain training, as a share of it: n S / (3 cycle B) (method 3.1).

        An update counts as three evaluations of its batch; Grad-CAM is left out.
        """
        return self.evaluations / (3.0 * cycle * batch_size)


class Model(NamedTuple):
    """A base model and a highlighter, and the maps of single images that they make.

    Args:
        names: of NAMES.
        reference: (N, P) float32, of the reference's steps and noise of its own.
        pools: number of steps -> (M, P) float32.
    """

    names: dict[str, Any]
    reference: np.ndarray
    pools: Mapping[int, np.ndarray]


def check(reference: Size, candidates: Sequence[Size], pool: int) -> None:
    """Refuses sizes whose spread nothing would show.

    Raises:
        InputError: no candidate, too small a pool, or a reference of one image.
    """
    if not candidates:
        raise InputError("no candidates given; name some, like 64x10")
    if reference.images < 2:
        raise InputError(f"the reference is {reference}; 2 images or more needed")
    largest = max(candidate.images for candidate in candidates)
    if pool < FEWEST_REPEATS * largest:
        raise InputError(
            f"a pool of {pool} images gives fewer than {FEWEST_REPEATS} disjoint maps of {largest} images; "
            f"{FEWEST_REPEATS * largest} images or more needed"
        )


def group_means(single: np.ndarray, images: int) -> np.ndarray:
    """The mean maps of disjoint groups of so many images: (M // images, P) float64; what is left over is not used."""
    count = len(single) // images
    groups: np.ndarray = single[: count * images].reshape(count, images, -1).mean(axis=1, dtype=np.float64)
    return groups


def agreement(found: np.ndarray, reference: np.ndarray, common: np.ndarray | None) -> dict[str, np.ndarray]:
    """How maps agree with the reference over pixels. Method 11.6.

    Args:
        found: (G, P), one map per repeat.
        reference: (P,).
        common: (P,), the mean map of other models, or None: `r_particular` is r with it taken from both, since maps of
            all models share much that says nothing of this one.

    Returns:
        (G,) each, NaN where a map is constant, or nothing is to be compared; `error` is the root mean square difference
        in standard deviations of the reference: it counts what is missing in r, in slope and in the mean.
    """
    away, place = found - found.mean(axis=1, keepdims=True), reference - reference.mean()
    deviation = place.std() if place.std() >= control_maps.CONSTANT else math.nan
    nothing = np.full(len(found), math.nan)
    return {
        "r": correlation(found, reference),
        "r_particular": nothing if common is None else correlation(found - common, reference - common),
        "slope": (away * place).mean(axis=1) / deviation**2,
        "mean_ratio": found.mean(axis=1) / (reference.mean() or math.nan),
        "std_ratio": found.std(axis=1) / deviation,
        "error": np.sqrt(((found - reference) ** 2).mean(axis=1)) / deviation,
    }


def correlation(found: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Pearson's r of each map, (G, P), with one, (P,): (G,); NaN where one of them is constant."""
    away, place = found - found.mean(axis=1, keepdims=True), reference - reference.mean()
    products = np.where(np.minimum(away.std(axis=1), place.std()) < control_maps.CONSTANT, math.nan, away.std(axis=1))
    r: np.ndarray = (away * place).mean(axis=1) / (products * (place.std() or math.nan))
    return r


def stepped_up(r: float, times: float) -> float:
    """r of two means of `times` as many images, of the r of two means of so many (Spearman 1910, Brown 1910)."""
    return times * r / (1.0 + (times - 1.0) * r)


def ceiling(single: np.ndarray) -> float:
    """r of the mean of these maps with that of endlessly many: the root of its reliability, which halves show."""
    halves = group_means(single, len(single) // 2)
    alike = float(correlation(halves[:1], halves[1])[0])
    return math.sqrt(stepped_up(max(alike, 0.0), 2.0)) if math.isfinite(alike) else math.nan


def lines(models: Sequence[Model], reference: Size, candidates: Sequence[Size]) -> pd.DataFrame:
    """fidelity.csv: a line for each model, size and figure (metric), of which `value` is the mean over `repeats` and
    `spread` the standard deviation, so of what one refresh gives. The reference's r is its own ceiling.

    Args:
        models: each with a pool for every candidate's steps.
        reference: its size.
        candidates: theirs.

    Raises:
        InputError: models whose maps have several sizes, so that they have no mean map.
    """
    means = [model.reference.mean(axis=0, dtype=np.float64) for model in models]
    if len({len(mean) for mean in means}) > 1:
        sizes = ", ".join(f"{model.names['dataset']} {len(mean)} px" for model, mean in zip(models, means, strict=True))
        raise InputError(f"maps of several sizes have no mean map ({sizes} in all); name data sets of one size")
    found = []
    for number, model in enumerate(models):
        others = [mean for other, mean in enumerate(means) if other != number]  # its own noise would stand on both sides
        common = np.mean(others, axis=0) if others else None
        figures = [(REFERENCE, reference, "r", np.array([ceiling(model.reference)]))]
        for size in candidates:
            agrees = agreement(group_means(model.pools[size.steps], size.images), means[number], common)
            maps = MeanMap(model.pools[size.steps], CANDIDATE), MeanMap(model.reference, REFERENCE)
            agrees[ENDLESS] = np.array([map_correlation.correlation(*maps).value])
            figures += [(CANDIDATE, size, metric, values) for metric, values in agrees.items()]
        for role, size, metric, values in figures:
            spread = float(values.std(ddof=1)) if len(values) >= FEWEST_REPEATS else math.nan
            line = model.names | {"role": role, **size._asdict(), "evaluations": size.evaluations, "metric": metric}
            found.append(line | {"value": float(values.mean()), "spread": spread, "repeats": len(values)})
    return pd.DataFrame(found)


def over_models(table: pd.DataFrame, role: str) -> dict[Size, dict[str, tuple[float, float]]]:
    """The sizes of a role in their order; each figure as the mean over models, and the root mean square of spreads.

    Args:
        table: from `lines`.
        role: REFERENCE or CANDIDATE.
    """
    found: dict[Size, dict[str, tuple[float, float]]] = {}
    chosen = table[table["role"] == role].groupby(["images", "steps", "metric"], sort=False)
    for (images, steps, metric), group in chosen:
        spread = math.sqrt((group["spread"] ** 2).mean(skipna=False))
        found.setdefault(Size(int(images), int(steps)), {})[str(metric)] = float(group["value"].mean(skipna=False)), spread
    return found
