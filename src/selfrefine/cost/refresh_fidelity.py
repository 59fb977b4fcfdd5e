"""Is the map of a cheap refresh the same map: its agreement with a map of many images and many steps (method 11.6).

One pool of images is sampled for each number of steps and explained once. The means over disjoint groups of it are the
maps that refreshes of that size would have made, and their spread is what chance does to one refresh.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from selfrefine.core.errors import InputError
from selfrefine.evidence import map_correlation
from selfrefine.evidence.jackknife_maps import MeanMap
from selfrefine.guidance import control_maps
from selfrefine.metrics.intervals import Z

REFERENCE, CANDIDATE = "reference", "candidate"
FEWEST_REPEATS = 2  # groups whose standard deviation exists
# Figures of one map against the reference; `error` is the root mean square difference in standard deviations of the
# reference, so that it counts what is missing in r, in slope and in the mean.
METRICS = ("r", "r_particular", "slope", "mean_ratio", "std_ratio", "error")
ENDLESS = "r_endless"  # of a map of endlessly many images of so many steps: what the steps alone do


@dataclass(frozen=True)
class Size:
    """What a refresh spends: DDIM steps of each image, and images."""

    steps: int
    images: int

    @classmethod
    def parse(cls, text: str) -> "Size":
        """The size in a text like 64x10: 64 images of 10 steps.

        Raises:
            InputError: another text.
        """
        images, _, steps = text.partition("x")
        if not (images.isdecimal() and steps.isdecimal() and int(images) > 0 and int(steps) > 1):
            raise InputError(f"{text!r} is no size of a refresh; IMAGESxSTEPS needed, like 64x10, of 2 steps or more")
        return cls(int(steps), int(images))

    def __str__(self) -> str:
        return f"{self.images} x {self.steps}"

    @property
    def evaluations(self) -> int:
        """Network evaluations of one refresh, each of one image."""
        return self.images * self.steps

    def cost(self, cycle: int, batch_size: int) -> float:
        """What it adds to a step of plain training, as a share of it: n S / (3 cycle B) (design, section 8).

        An update counts as three evaluations of its batch; Grad-CAM is left out.
        """
        return self.evaluations / (3.0 * cycle * batch_size)


class Model(NamedTuple):
    """A base model and a highlighter, and the maps of single images that they make.

    Args:
        names: dataset, model, highlighter, seed.
        reference: (N, P) float32, of the reference's steps and noise of its own.
        pools: number of steps -> (M, P) float32.
    """

    names: dict[str, Any]
    reference: np.ndarray
    pools: Mapping[int, np.ndarray]


class Repeated(NamedTuple):
    """A figure: its mean over repeats, its standard deviation over them (of one refresh), and how many there are."""

    value: float
    spread: float
    repeats: int


def group_means(single: np.ndarray, images: int) -> np.ndarray:
    """The mean maps of disjoint groups of so many images: (M // images, P) float64; what is left over is not used."""
    count = len(single) // images
    groups: np.ndarray = single[: count * images].reshape(count, images, -1).mean(axis=1, dtype=np.float64)
    return groups


def agreement(found: np.ndarray, reference: np.ndarray, common: np.ndarray | None) -> dict[str, np.ndarray]:
    """How the maps agree with the reference over pixels. Method 11.6.

    Args:
        found: (G, P), one map per repeat.
        reference: (P,).
        common: (P,), the mean map of other models, or None; `r_particular` is r with it taken from both: maps of all
            models share much that says nothing of this one.

    Returns:
        METRICS, (G,) each; NaN where a map is constant, or nothing is to be compared.
    """
    away, place = found - found.mean(axis=1, keepdims=True), reference - reference.mean()
    spread = place.std()
    known = spread >= control_maps.CONSTANT
    mean = reference.mean()
    nothing = np.full(len(found), math.nan)
    return {
        "r": _correlation(found, reference),
        "r_particular": nothing if common is None else _correlation(found - common, reference - common),
        "slope": (away * place).mean(axis=1) / spread**2 if known else nothing,
        "mean_ratio": found.mean(axis=1) / mean if mean > 0.0 else nothing,
        "std_ratio": found.std(axis=1) / spread if known else nothing,
        "error": np.sqrt(((found - reference) ** 2).mean(axis=1)) / spread if known else nothing,
    }


def _correlation(found: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Pearson's r of each map, (G, P), with one, (P,): (G,); NaN where one of them is constant."""
    away, place = found - found.mean(axis=1, keepdims=True), reference - reference.mean()
    spreads = away.std(axis=1), np.broadcast_to(place.std(), len(found))
    flat = np.minimum(*spreads) < control_maps.CONSTANT
    r: np.ndarray = np.where(flat, math.nan, (away * place).mean(axis=1) / np.where(flat, 1.0, spreads[0] * spreads[1]))
    return r


def repeated(values: np.ndarray) -> Repeated:
    """Mean and standard deviation over repeats that are independent."""
    spread = float(values.std(ddof=1)) if len(values) >= FEWEST_REPEATS else math.nan
    return Repeated(float(values.mean()), spread, len(values))


def stepped_up(r: float, times: float) -> float:
    """r of two means of `times` as many images, of the r of two means of so many (Spearman 1910, Brown 1910)."""
    return times * r / (1.0 + (times - 1.0) * r)


def ceiling(single: np.ndarray) -> Repeated:
    """r of the mean of these maps with that of endlessly many: the root of its reliability, which halves tell."""
    halves = group_means(single, len(single) // 2)
    alike = float(_correlation(halves[:1], halves[1])[0])
    return Repeated(math.sqrt(stepped_up(max(alike, 0.0), 2.0)) if math.isfinite(alike) else math.nan, math.nan, 1)


def check(reference: Size, candidates: Sequence[Size], pool: int) -> None:
    """Refuses sizes that no spread could be told of.

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


def lines(models: Sequence[Model], reference: Size, candidates: Sequence[Size]) -> list[dict[str, Any]]:
    """The lines of fidelity.csv: one for each model, size and figure.

    `spread` is the standard deviation over `repeats`, so of what one refresh gives; of r_endless, which is one figure
    of the whole pool, its standard error over images. The reference's r is its own ceiling.

    Args:
        models: each with a pool for every candidate's steps.
        reference: its size.
        candidates: theirs.

    Raises:
        InputError: models whose maps have several sizes, so that they have no mean map.
    """
    means = [model.reference.mean(axis=0, dtype=np.float64) for model in models]
    if len({len(mean) for mean in means}) > 1:
        told = ", ".join(f"{model.names['dataset']} {len(mean)} px" for model, mean in zip(models, means, strict=True))
        raise InputError(f"maps of several sizes have no mean map ({told} in all); name data sets of one size")
    return [
        {**model.names, "images": size.images, "steps": size.steps, "evaluations": size.evaluations}
        | {"role": role, "metric": metric, **figure._asdict()}
        for number, model in enumerate(models)
        for role, size, metric, figure in _figures(
            model, means[number], _mean_of_others(means, number), reference, candidates
        )
    ]


def _mean_of_others(means: Sequence[np.ndarray], number: int) -> np.ndarray | None:
    """The mean map of all models but one, whose own noise would else stand on both sides; None of a single model."""
    others = [mean for other, mean in enumerate(means) if other != number]
    return np.mean(others, axis=0) if others else None


def _figures(
    model: Model, mean: np.ndarray, common: np.ndarray | None, reference: Size, candidates: Sequence[Size]
) -> Iterator[tuple[str, Size, str, Repeated]]:
    """Role, size, metric and figure of one model."""
    yield REFERENCE, reference, "r", ceiling(model.reference)
    endless = {steps: _endless(pool, model.reference) for steps, pool in model.pools.items()}
    for size in candidates:
        found = agreement(group_means(model.pools[size.steps], size.images), mean, common)
        for metric in METRICS:
            yield CANDIDATE, size, metric, repeated(found[metric])
        yield CANDIDATE, size, ENDLESS, endless[size.steps]


def _endless(pool: np.ndarray, reference: np.ndarray) -> Repeated:
    """r of endlessly many images of so many steps with endlessly many of the reference's, and its standard error."""
    found = map_correlation.correlation(MeanMap(pool, CANDIDATE), MeanMap(reference, REFERENCE))
    return Repeated(found.value, (found.high - found.low) / (2.0 * Z), 1)
