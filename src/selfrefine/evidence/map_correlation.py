"""Is the flaw map a flaw map? Mean maps and their correlations, with errors over images (method 11.2).

A correlation over pixels has two flaws that more pixels do not mend. The noise of the finite number of images pulls it
towards 0, and neighbouring pixels err together, so that the textbook interval over pixels claims too much or too
little. Both are mended by a jackknife over images, the independent units: what the figure would be without each of
them tells its bias and its error (Quenouille 1956, Tukey 1958).
"""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from selfrefine.core.flat_maps import CONSTANT
from selfrefine.evidence.jackknife_maps import Evidence, MeanMap
from selfrefine.metrics import intervals
from selfrefine.metrics.intervals import Estimate

NONE = Estimate(math.nan)
CHUNK = 256  # images left out together; bounds the memory, decides nothing
GROUPS = 3  # the fewest whose jackknife has an error

Statistic = Callable[..., np.ndarray]  # of maps (..., P) each, (...)


# -- figures of mean maps ----------------------------------------------------------------------------------------------


def jackknife(statistic: Statistic, *parts: Evidence) -> Estimate:
    """A figure of one or several maps as infinitely many images would have it, with its 95 % interval over images.

    Maps of one source lose the same image together, so that what they share does not count as error; the errors of two
    sources add.

    Args:
        statistic: a smooth function of the maps.
        parts: the maps.

    Returns:
        NaN where the figure does not exist; no interval without images.
    """
    whole = float(statistic(*(part.value for part in parts)))
    sources = {part.source: len(part) for part in parts if len(part)}
    if not math.isfinite(whole) or min(sources.values(), default=2) < 2:
        return NONE
    value, variance = whole, 0.0
    for source, n in sources.items():
        found = np.concatenate(
            [
                statistic(*(part.without(rows) if part.source == source else part.value for part in parts))
                for rows in (slice(start, start + CHUNK) for start in range(0, n, CHUNK))
            ]
        )
        value -= (n - 1) * (float(found.mean()) - whole)
        variance += (n - 1) / n * float(((found - found.mean()) ** 2).sum())
    return intervals.normal(value, math.sqrt(variance)) if sources else Estimate(value)


def correlation(one: Evidence, other: Evidence) -> Estimate:
    """Pearson's r over the pixels of two maps; NaN if one is constant. Method 11.2.

    Without the correction for the noise of the images, two maps that are the same would seem to differ.
    """
    found = jackknife(_pearson, one, other)
    value, half = float(np.clip(found.value, -1.0, 1.0)), (found.high - found.low) / 2.0
    return Estimate(value, *(float(end) for end in np.clip([value - half, value + half], -1.0, 1.0)))


def map_figures(evidence: Evidence) -> dict[str, Estimate]:
    """Mean over pixels, standard deviation over pixels, and what the latter is of the former: how much place there is.

    Method 11.2.
    """
    return {
        "map_mean": jackknife(lambda some_map: some_map.mean(axis=-1), evidence),
        "map_std": jackknife(lambda some_map: some_map.std(axis=-1), evidence),
        "std_over_mean": jackknife(_std_over_mean, evidence),
    }


def _std_over_mean(some_map: np.ndarray) -> np.ndarray:
    mean, std = some_map.mean(axis=-1), some_map.std(axis=-1)
    ratio: np.ndarray = np.divide(std, mean, out=np.full_like(std, math.nan), where=mean > 0.0)
    return ratio


def _pearson(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """r over the last axis; NaN where a map is constant."""
    a, b = (some_map - some_map.mean(axis=-1, keepdims=True) for some_map in (one, other))
    spread = a.std(axis=-1) * b.std(axis=-1)
    flat = np.minimum(a.std(axis=-1), b.std(axis=-1)) < CONSTANT
    return np.where(flat, math.nan, (a * b).mean(axis=-1) / np.where(flat, 1.0, spread))


# -- figures of single maps --------------------------------------------------------------------------------------------


def single_figures(evidence: MeanMap, map_images: int) -> dict[str, Estimate]:
    """What the maps of single images say of their mean. Method 11.2.

    Args:
        evidence: the maps.
        map_images: how many images are behind one mFAM of the refinement.

    Returns:
        r2_single: the share of a single map's variance over pixels that the mean of the others explains (r^2, mean over
        images), so how far one map for all images is the map of each. zero_share: of images whose map is empty.
        mfam_reliability: r of two mFAMs of other images of the same network; what lies below it is change.
    """
    empty = evidence.single.max(axis=1) <= 0.0
    return {
        "r2_single": _r2_single(evidence),
        "zero_share": intervals.share_interval(float(empty.mean()), len(empty)),
        "mfam_reliability": reliability(evidence, map_images),
    }


def _r2_single(evidence: MeanMap) -> Estimate:
    found = []
    for start in range(0, len(evidence), CHUNK):
        rows = slice(start, start + CHUNK)
        found.append(_pearson(evidence.single[rows].astype(np.float64), evidence.without(rows)) ** 2)
    known = np.concatenate(found)
    known = known[np.isfinite(known)]  # an empty map has no variance to explain
    if len(known) < 2:
        return NONE
    return intervals.normal(float(known.mean()), float(known.std(ddof=1)) / math.sqrt(len(known)))


def reliability(evidence: MeanMap, map_images: int) -> Estimate:
    """Mean r of any two of the mFAMs that disjoint groups of `map_images` images give; the rest is not used.

    The interval is that of a jackknife over groups. NaN with fewer than two groups or an empty mFAM.
    """
    count = len(evidence) // map_images
    groups = evidence.single[: count * map_images].reshape(count, map_images, -1).mean(axis=1, dtype=np.float64)
    return _mean_pair([[float(_pearson(one, other)) for other in groups] for one in groups])


def _mean_pair(r: Sequence[Sequence[float]]) -> Estimate:
    """The mean over pairs of groups of a symmetric table, with its error."""
    count = len(r)
    if count < 2:
        return NONE
    total = sum(r[one][other] for one, other in itertools.combinations(range(count), 2))
    value = total / math.comb(count, 2)
    if count < GROUPS or not math.isfinite(value):
        return Estimate(value)
    left_out = [(total - (sum(row) - row[own])) / math.comb(count - 1, 2) for own, row in enumerate(r)]
    return intervals.normal(value, math.sqrt(count - 1) * float(np.std(left_out)))
