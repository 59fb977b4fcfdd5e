"""Is the map of a cheap refresh the same map: its agreement with a map of many images and many steps (method 11.6). The
means over disjoint groups of a pool of images are the maps of refreshes of that size, their spread what chance does.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from selfrefine.core.errors import InputError
from selfrefine.core.flat_maps import CONSTANT
from selfrefine.evidence import map_correlation
from selfrefine.evidence.jackknife_maps import MeanMap

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
        """The size in a text like 64x10: 64 images of 10 steps; another text is an InputError."""
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


class Model(NamedTuple):
    """A base model and a highlighter, by NAMES, and the maps of single images that they make: (N, P) float32 of the
    reference, and for each number of steps (M, P) float32, of noise of their own.
    """

    names: dict[str, Any]
    reference: np.ndarray
    pools: Mapping[int, np.ndarray]


def check(reference: Size, candidates: Sequence[Size], pool: int) -> None:
    """Refuses, by an InputError, no candidate, too small a pool for a spread, or a reference of one image."""
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
    """How maps (G, P) agree with the reference (P,) over pixels: (G,) each. Method 11.6.

    `r_particular` is r with `common`, the mean map (P,) of other models, taken from both, since maps of all models
    share much that says nothing of this one. `error` is the root mean square difference in standard deviations of the
    reference: it counts what is missing in r, in slope and in the mean. NaN where a map is constant, or none is common.
    """
    place = reference - reference.mean()
    deviation = place.std() if place.std() >= CONSTANT else math.nan
    common = np.full(len(reference), math.nan) if common is None else common
    return {
        "r": correlation(found, reference),
        "r_particular": correlation(found - common, reference - common),
        "slope": (found * place).mean(axis=1) / deviation**2,
        "mean_ratio": found.mean(axis=1) / (reference.mean() or math.nan),
        "std_ratio": found.std(axis=1) / deviation,
        "error": np.sqrt(((found - reference) ** 2).mean(axis=1)) / deviation,
    }


def correlation(found: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Pearson's r over pixels of each map, (G, P), with one, (P,): (G,); NaN where one of them is constant."""
    deviations = np.stack([found.std(axis=1), np.full(len(found), reference.std())])
    deviations[deviations < CONSTANT] = math.nan
    r: np.ndarray = (found * (reference - reference.mean())).mean(axis=1) / deviations.prod(axis=0)
    return r


def ceiling(single: np.ndarray) -> float:
    """r of the mean of these maps with that of endlessly many: the root of its reliability, which is that of halves
    stepped up to twice as many images (Spearman 1910, Brown 1910).
    """
    alike = max(map_correlation.reliability(MeanMap(single, REFERENCE), len(single) // 2).value, 0.0)
    return math.sqrt(2.0 * alike / (1.0 + alike))


def lines(models: Sequence[Model], reference: Size, candidates: Sequence[Size]) -> pd.DataFrame:
    """fidelity.csv: a line for each model, size and figure (metric), of which `value` is the mean over `repeats` and
    `spread` the standard deviation, so of what one refresh gives. The reference's r is its own ceiling. Models whose
    maps have several sizes, so that they have no mean map, are an InputError.
    """
    means = [model.reference.mean(axis=0, dtype=np.float64) for model in models]
    if len({len(mean) for mean in means}) > 1:
        sizes = ", ".join(f"{model.names['dataset']} {len(mean)} px" for model, mean in zip(models, means, strict=True))
        raise InputError(f"maps of several sizes have no mean map ({sizes} in all); name data sets of one size")
    found = []
    for number, (names, single, pools) in enumerate(models):
        others = [
            mean for other, mean in enumerate(means) if other != number
        ]  # its own noise would stand on both sides
        common = np.mean(others, axis=0) if others else None
        figures = [(REFERENCE, reference, "r", np.array([ceiling(single)]))]
        for size in candidates:
            agrees = agreement(group_means(pools[size.steps], size.images), means[number], common)
            maps = MeanMap(pools[size.steps], CANDIDATE), MeanMap(single, REFERENCE)
            agrees[ENDLESS] = np.array([map_correlation.correlation(*maps).value])
            figures += [(CANDIDATE, size, metric, values) for metric, values in agrees.items()]
        for role, size, metric, values in figures:
            spread = float(values.std(ddof=1)) if len(values) >= FEWEST_REPEATS else math.nan
            line = names | {"role": role, **size._asdict(), "evaluations": size.evaluations, "metric": metric}
            found.append(line | {"value": float(values.mean()), "spread": spread, "repeats": len(values)})
    return pd.DataFrame(found)


def over_models(table: pd.DataFrame, role: str) -> dict[Size, dict[str, tuple[float, float]]]:
    """Sizes of a role -> figure -> mean over models, and root mean square of the spreads, of lines of fidelity.csv."""
    found: dict[Size, dict[str, tuple[float, float]]] = {}
    groups: Any = table[table["role"] == role].groupby(["images", "steps", "metric"], sort=False)
    for (images, steps, metric), group in groups:
        spread = math.sqrt((group["spread"] ** 2).mean(skipna=False))
        found.setdefault(Size(images, steps), {})[metric] = group["value"].mean(skipna=False), spread
    return found
