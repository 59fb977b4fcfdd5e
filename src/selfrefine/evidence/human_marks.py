"""Does a flaw map show what people marked? Its three highest cells, and the order of its pixels, against their marks.

Every figure also stands for maps that know nothing of the image's flaws: that of another image, which shares what all
maps have (a centre, say), a Gaussian centre, the image's edges. What counts is the paired difference to the first.
"""

from collections.abc import Mapping

import numpy as np

from selfrefine.core.names import FLAW
from selfrefine.metrics.intervals import CONFIDENCE, Estimate

SHARE, PRECISION, ROC_AUC = "share", "average_precision", "roc_auc"
METRICS = (SHARE, PRECISION, ROC_AUC)
OTHER_IMAGE, CENTER, EDGES, CHANCE = "another_image", "gaussian_center", "edge", "chance"
RIVALS = (OTHER_IMAGE, CENTER, EDGES, CHANCE)  # that the flaw map is compared with
HIGHEST = 3  # cells of a map that count (paper, Fig. 9)
DIFFERENCE = "_difference"  # after a metric: the flaw map's less this map's
RESAMPLES = 1000
Scores = dict[str, dict[str, np.ndarray]]  # map -> metric -> one number for each image


def highest(cells: np.ndarray) -> np.ndarray:
    """How much of each of a map's three highest picks falls on each cell: (N, n) float64, each row of sum 1.

    Among equal cells the choice is random, and this is its expectation: an empty map picks everywhere alike.

    Args:
        cells: (N, n) of the maps, n at least three.
    """
    last = -np.sort(-cells, axis=1)[:, HIGHEST - 1 : HIGHEST]
    sure, tied = cells > last, cells == last
    left = HIGHEST - sure.sum(axis=1, keepdims=True)
    weights: np.ndarray = (sure + tied * (left / tied.sum(axis=1, keepdims=True))) / HIGHEST
    return weights


def share(cells: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """Of each image, how much of the map's three highest cells is marked, on the mean: (N,); by chance the marked area.

    Args:
        cells: (N, n) of the maps.
        marked: (N, n) share of each cell that is marked.
    """
    found: np.ndarray = (highest(cells) * marked).sum(axis=1)
    return found


def ranking(values: np.ndarray, marked: np.ndarray) -> tuple[float, float]:
    """Average precision and area under the ROC curve of one map whose values are to find the marked pixels.

    Equal values are taken in together: a constant map has the share of marked pixels and 1/2.

    Args:
        values: (P,) of the pixels.
        marked: (P,) bool, some and not all.
    """
    _, level = np.unique(values, return_inverse=True)
    taken, hit = np.bincount(level)[::-1], np.bincount(level, weights=marked)[::-1]  # from the highest level on
    hits, picked = np.cumsum(hit), np.cumsum(taken)
    precision = float((hit * hits / picked).sum() / hits[-1])
    missed = taken - hit
    lower = missed.sum() - np.cumsum(missed)  # unmarked pixels below each level
    return precision, float((hit * (lower + missed / 2.0)).sum() / (hits[-1] * missed.sum()))


def scores(maps: Mapping[str, tuple[np.ndarray, np.ndarray]], marks: np.ndarray, marked_cells: np.ndarray) -> Scores:
    """What each map finds in each image.

    Args:
        maps: name -> cells (N, n) and pixels (N, S, S).
        marks: (N, S, S) share of each pixel that is marked.
        marked_cells: (N, n) the same of each cell.

    Returns:
        for each map and CHANCE the METRICS, (N,) each. A pixel counts as marked from one half on; an image without such
        pixels, or with no others, has no order to find: NaN there.
    """
    pixels = marks.reshape(len(marks), -1) >= 0.5
    area = pixels.mean(axis=1)
    telling = (0.0 < area) & (area < 1.0)
    found: Scores = {}
    for name, (cells, values) in maps.items():
        ranks = np.full((len(marks), 2), np.nan)
        for row in np.flatnonzero(telling):
            ranks[row] = ranking(values[row].ravel(), pixels[row])
        found[name] = {SHARE: share(cells, marked_cells), PRECISION: ranks[:, 0], ROC_AUC: ranks[:, 1]}
    chances = (marked_cells.mean(axis=1), np.where(telling, area, np.nan), np.where(telling, 0.5, np.nan))
    return found | {CHANCE: dict(zip(METRICS, chances, strict=True))}


def joined(parts: list[Scores]) -> Scores:
    """The scores of several groups of images, one after the other."""
    return {
        name: {metric: np.concatenate([part[name][metric] for part in parts]) for metric in METRICS}
        for name in parts[0]
    }


def measure(found: Scores, seed: int) -> dict[str, dict[str, Estimate]]:
    """Means over images with percentiles of a bootstrap over images, and how far the flaw map is above each other map.

    Args:
        found: from `scores`, FLAW and RIVALS.
        seed: of the resamples.

    Returns:
        map -> metric -> figure; for each rival also `metric_difference`: the flaw map's less its own, paired.
    """
    figures: dict[str, dict[str, Estimate]] = {}
    for name, own in found.items():
        figures[name] = {metric: mean(values, seed) for metric, values in own.items()}
        if name != FLAW:
            pairs = {metric: found[FLAW][metric] - values for metric, values in own.items()}
            figures[name] |= {f"{metric}{DIFFERENCE}": mean(values, seed) for metric, values in pairs.items()}
    return figures


def mean(values: np.ndarray, seed: int) -> Estimate:
    """The mean of what is a number, with its 95 % interval over images; without one where no resample changes it."""
    known = values[np.isfinite(values)]
    if len(known) < 2 or np.ptp(known) == 0.0:
        return Estimate(float(known.mean()) if len(known) else float("nan"))
    draws = np.random.default_rng(seed).multinomial(len(known), np.full(len(known), 1.0 / len(known)), RESAMPLES)
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(draws @ known / len(known), [tail, 1.0 - tail])
    return Estimate(float(known.mean()), float(low), float(high))
