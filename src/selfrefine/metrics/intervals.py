"""How sure a figure is: intervals over images, intervals over seeds, the verdict (method 11.5).

Intervals over images hold one trained model fixed. Only seeds, each an independent base, highlighter and refinement,
tell whether a variant helps; a verdict needs them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit  # type: ignore[import-untyped]  # scipy.stats takes half a second

CONFIDENCE = 0.95
EQUIVALENCE_CONFIDENCE = 0.90  # two one-sided tests at 5 %
IMAGES_PER_FEATURE = 8  # below, the influence function's error of FD is not to be trusted (method 11.5)
Z = float(ndtri(0.5 + CONFIDENCE / 2.0))  # half width of an interval over images, in standard errors

BETTER, WORSE, EQUIVALENT = "better", "worse", "equivalent"
INCONCLUSIVE, NOT_ASSESSED = "inconclusive", "not assessed"
UNDEFINED = "undefined"  # a difference is no number, so there is nothing to judge


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval over images; NaN where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan


def normal(value: float, standard_error: float) -> Estimate:
    """value +- 1.96 standard errors."""
    return Estimate(value, value - Z * standard_error, value + Z * standard_error)


def mean_interval(values: np.ndarray) -> Estimate:
    """The mean of one number for each image, (N,)."""
    return normal(float(np.mean(values)), _standard_error(values))


def enough_images(n_images: int, n_features: int) -> bool:
    """Whether FD's influence function gives an interval: n >= 8 d, else none (method 11.5)."""
    return n_images >= IMAGES_PER_FEATURE * n_features


def distance_interval(distance: float, influence: np.ndarray) -> Estimate:
    """FD of this many images with SE = sd(phi) / sqrt(n).

    No percentile bootstrap: FD is biased upwards by the finite sample, resampling adds that bias again, and its
    interval lies above the truth. What this one covers is the FD that n images give on average, to these very real
    images: only rows of equal n compare.

    Args:
        distance: FD.
        influence: (N,), `frechet.influence`.
    """
    return normal(distance, _standard_error(influence))


def log_ratio(one: float, other: float) -> float:
    """log(one / other) of two distances; NaN where one is 0 or no number: it has no logarithm, and no verdict."""
    return math.log(one / other) if 0.0 < one < math.inf and 0.0 < other < math.inf else math.nan


def log_ratio_interval(
    distance: float, reference_distance: float, influence: np.ndarray, reference_influence: np.ndarray
) -> Estimate:
    """d = log FD(variant) - log FD(reference), paired over images: image i of both starts from the same noise.

    Args:
        distance: FD of the variant.
        reference_distance: FD of the row that it is compared with, to the same real images.
        influence: (N,) of the variant.
        reference_influence: (N,) of the reference, in the same order of images.
    """
    value = log_ratio(distance, reference_distance)
    if math.isnan(value):
        return Estimate(value)
    return normal(value, _standard_error(influence / distance - reference_influence / reference_distance))


def share_interval(share: float, n_images: float) -> Estimate:
    """A share of n independent images, or as good as n, with its Wilson interval, which also holds near 0 and 1."""
    shrink = Z**2 / n_images
    centre = (share + shrink / 2.0) / (1.0 + shrink)
    half = math.sqrt(share * (1.0 - share) * shrink + shrink**2 / 4.0) / (1.0 + shrink)
    return Estimate(share, centre - half, centre + half)


def share_difference_interval(gained: int, lost: int, n_images: int) -> Estimate:
    """The difference of two shares of the same n images, with Bonett and Price's interval (2012).

    Two pseudo-images, one gained and one lost, keep its width above 0 where the two agree on every image.

    Args:
        gained: images that count in the first share alone.
        lost: images that count in the second share alone.
        n_images: all of them.
    """
    more, less = ((count + 1.0) / (n_images + 2.0) for count in (gained, lost))
    half = Z * math.sqrt((more + less - (more - less) ** 2) / (n_images + 2.0))
    return Estimate((gained - lost) / n_images, max(-1.0, more - less - half), min(1.0, more - less + half))


def _standard_error(values: np.ndarray) -> float:
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))


def over_seeds(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The t interval of the mean of independent seeds; (NaN, NaN) for fewer than two."""
    n = len(values)
    if n < 2:
        return math.nan, math.nan
    half = reach(n, confidence) * float(np.std(values, ddof=1))
    mean = float(np.mean(values))
    return mean - half, mean + half


def reach(n_seeds: int, confidence: float = CONFIDENCE) -> float:
    """Half the width of the t interval over so many seeds, two or more, in standard deviations between seeds."""
    return float(stdtrit(n_seeds - 1, 0.5 + confidence / 2.0)) / math.sqrt(n_seeds)


def over_images(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """The interval over images of the mean of several models' figures: their errors are independent."""
    errors = [(estimate.high - estimate.low) / (2.0 * Z) for estimate in estimates]
    mean = float(np.mean([estimate.value for estimate in estimates]))
    half = Z * math.sqrt(sum(error**2 for error in errors)) / len(errors)
    return mean - half, mean + half


def p_value(values: Sequence[float]) -> float:
    """Two-sided p of the t test that independent seeds have mean 0; NaN for fewer than two.

    It is below 1 - CONFIDENCE exactly where the interval of `over_seeds` does not hold 0.
    """
    n = len(values)
    if n < 2:
        return math.nan
    mean, error = float(np.mean(values)), _standard_error(np.asarray(values))
    if error == 0.0:
        return 0.0 if mean else 1.0
    return 2.0 * float(stdtr(n - 1, -abs(mean) / error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p of a family that was fixed before the run: all claims at once are wrong in at most 5 % (Holm 1979).

    A NaN stays one, but counts: what could not be tested makes the family no smaller.
    """
    known = [1.0 if math.isnan(p) else p for p in p_values]
    order = sorted(range(len(known)), key=known.__getitem__)
    adjusted, highest = [math.nan] * len(known), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(known) - rank) * known[index]))
        adjusted[index] = math.nan if math.isnan(p_values[index]) else highest
    return adjusted


def verdict(differences: Sequence[float], *, margin: float, minimum_seeds: int, adjusted_p: float | None = None) -> str:
    """What the seeds say of d = log FD(variant) - log FD(reference); lower is better.

    Args:
        differences: one d per seed.
        margin: the 90 % interval inside +-margin is "equivalent", also where it does not hold 0: a change too small to
            matter. make_tables.equivalence_margin in params.yaml.
        minimum_seeds: fewer are "not assessed". make_tables.minimum_seeds in params.yaml.
        adjusted_p: of a confirmatory contrast, from `holm`; it then decides on better and worse.

    Returns:
        equivalent, better, worse, inconclusive; not assessed, undefined: no verdict.
    """
    if not all(map(math.isfinite, differences)):
        return UNDEFINED
    if len(differences) < minimum_seeds:
        return NOT_ASSESSED
    low, high = over_seeds(differences, EQUIVALENCE_CONFIDENCE)
    if -margin < low and high < margin:
        return EQUIVALENT
    p = p_value(differences) if adjusted_p is None else adjusted_p
    if not p <= 1.0 - CONFIDENCE:  # nor where p is no number
        return INCONCLUSIVE
    return BETTER if np.mean(differences) < 0.0 else WORSE
