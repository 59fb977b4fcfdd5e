"""Does a flaw map show what people marked? Its three highest cells, and the order of its pixels, against their marks.

Every figure also stands for maps that do not know where this image has its flaws: those of the other images, which
share what all maps have (a centre, say), a Gaussian centre, the image's edges. What counts is the paired difference to
the first, as of people's picks (`human_picks`).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata  # type: ignore[import-untyped]

from selfrefine.core.names import FLAW
from selfrefine.evidence.human_picks import ANOTHER, CHANCE, EQUAL, SHARE, of_others
from selfrefine.evidence.pointing_game import HIGHEST
from selfrefine.metrics.intervals import CONFIDENCE, Estimate

ROC_AUC, DIFFERENCE = "pixel_roc_auc", "difference"
EDGES = "edge"
MARKED = 0.5  # share of a pixel from which on it counts as marked
RESAMPLES = 1000

Figures = dict[str, dict[str, Estimate]]  # map -> metric -> figure


class Maps(NamedTuple):
    """One map for each image: its cells, (N, n), and its pixels, (N, P); only their order within an image counts."""

    cells: np.ndarray
    pixels: np.ndarray


def measure(flaw: Maps, others: Mapping[str, Maps], marks: Maps, seed: int) -> Figures:
    """How well maps show what people marked, each with its 95 % interval over images.

    Args:
        flaw: the flaw maps.
        others: maps without a highlighter, by name.
        marks: shares of cells and of pixels that are marked, in [0, 1]; of each image some, but not all.
        seed: of the bootstrap.

    Returns:
        FLAW, ANOTHER, the names of `others`, CHANCE -> SHARE: of a map's three highest cells, how much is marked;
        ROC_AUC: of its pixels as finders of the marked ones; and for all but FLAW each with `_difference` behind it,
        what FLAW has more, paired. ANOTHER is the mean over the maps of all other images.
    """
    shares = marks.cells @ highest(flaw.cells).T
    marked = marks.pixels >= MARKED
    telling = marked.any(axis=1) & ~marked.all(axis=1)  # where no pixel, or each, is mostly marked, no order is told
    marked, image = marked[telling], np.arange(len(shares))
    areas = areas_under(flaw.pixels[telling], marked)
    no_order = np.full(len(areas), np.nan)
    found = {
        FLAW: (np.diag(shares), np.diag(areas)),
        ANOTHER: (of_others(shares, image), of_others(areas, image[: len(areas)]) if len(areas) > 1 else no_order),
    }
    for name, maps in others.items():
        own = (marks.cells * highest(maps.cells)).sum(axis=1)
        found[name] = own, np.diag(areas_under(maps.pixels[telling], marked))
    found[CHANCE] = marks.cells.mean(axis=1), np.full(len(areas), 0.5)
    figures: Figures = {}
    for name, both in found.items():
        figures[name] = {}
        for metric, values, best in zip((SHARE, ROC_AUC), both, found[FLAW], strict=True):
            figures[name][metric] = mean(values, seed)
            if name != FLAW:
                figures[name][f"{metric}_{DIFFERENCE}"] = mean(best - values, seed)
    return figures


def highest(cells: np.ndarray) -> np.ndarray:
    """How much of a map's three highest cells each cell is: (N, n) float64, each row of sum 1.

    Among equal cells the choice is random, and this is its expectation: an empty map picks everywhere alike.

    Args:
        cells: (N, n) of the maps, n at least three.
    """
    near = EQUAL * np.ptp(cells, axis=1, keepdims=True)
    last = np.sort(cells, axis=1)[:, [-HIGHEST]]
    sure = cells > last + near
    tied = ~sure & (cells >= last - near)
    left = HIGHEST - sure.sum(axis=1, keepdims=True)
    weights: np.ndarray = (sure + tied * (left / tied.sum(axis=1, keepdims=True))) / HIGHEST
    return weights


def areas_under(values: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """Areas under the ROC curve of each map as a finder of each image's marked pixels, (images, maps) float64.

    By the ranks of the marked pixels (Mann and Whitney 1947), of equal values their mean: a constant map has 1/2.

    Args:
        values: (N, P) of the maps.
        marked: (N, P) bool, of each image some and not all.
    """
    ranks = rankdata(values, axis=1).astype(np.float32)
    inside = marked.sum(axis=1, dtype=np.float64)[:, None]
    # Less the middle rank, so that sums of single precision keep what counts.
    above = marked.astype(np.float32) @ (ranks - (values.shape[1] + 1) / 2.0).T.astype(np.float32)
    areas: np.ndarray = 0.5 + above / (inside * (values.shape[1] - inside))
    return areas


def mean(values: np.ndarray, seed: int) -> Estimate:
    """A mean with its 95 % interval over images, by a bootstrap's percentiles; none where no resample changes it."""
    if len(values) < 2 or np.ptp(values) == 0.0:
        return Estimate(float(np.mean(values)) if len(values) else float("nan"))
    count = len(values)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), RESAMPLES)
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(draws @ values / count, [tail, 1.0 - tail])
    return Estimate(float(values.mean()), float(low), float(high))
