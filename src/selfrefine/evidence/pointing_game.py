"""Does a flaw map point at the place of a planted flaw? Its three highest cells against those that the patch covers.

Method 5.7: the paper counts a match of people's cells with the three highest of a map, which has two readings; both
stand here with what blind guessing would reach.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from selfrefine.core.names import FAKE_SPLICE, READINGS, REAL_SPLICE
from selfrefine.metrics import intervals
from selfrefine.metrics.intervals import Estimate

HIGHEST = 3  # cells of a map that count (paper, Fig. 9)
COVERED = 0.5  # share of the mask in its fullest cell from which on a cell is covered; so one always is


def measure(maps: dict[str, np.ndarray], masks: np.ndarray, side: int) -> dict[str, Estimate]:
    """Hit rates of every kind of patch, their main difference, and what they must be compared with.

    Args:
        maps: kind of patch -> evidence of the images with such a patch, (n, S, S), of either sign: only its order
            counts, so that places of an image which all look real are ranked, too; both splices among them.
        masks: (n, H, W) in [0, 1], where the patches are.
        side: cells of a map in each direction.

    Returns:
        For each reading r: hit_{r}_{kind}; hit_{r}_difference: fake less real splice, paired over images;
        hit_{r}_other_image: of a fake splice, by the map of the next image, which cannot know the place, but shares
        what all maps have; chance_{r}: three cells at random. And evidence_{kind}: the share of images with evidence
        above 0 somewhere, whose flaw map is not empty. Each with its 95 % interval over images.
    """
    covered = covered_cells(masks, side)
    found = {kind: hits(cells(own, side), covered) for kind, own in maps.items()}
    found["other_image"] = hits(cells(np.roll(maps[FAKE_SPLICE], 1, axis=0), side), covered)
    estimates = {}
    for number, reading in enumerate(READINGS):
        for kind, both in found.items():
            estimates[f"hit_{reading}_{kind}"] = rate(both[number])
        paired = found[FAKE_SPLICE][number] - found[REAL_SPLICE][number]
        estimates[f"hit_{reading}_difference"] = mean_over_images(paired)
        blind = hits(np.zeros_like(covered, dtype=np.float64), covered)[number]
        estimates[f"chance_{reading}"] = Estimate(float(blind.mean()))  # exact for these very patches
    for kind, own in maps.items():
        estimates[f"evidence_{kind}"] = evidence(own)
    return estimates


def rate(values: np.ndarray) -> Estimate:
    """A mean of values in [0, 1], its interval cut off there."""
    mean = mean_over_images(values)
    return Estimate(mean.value, *(float(end) for end in np.clip([mean.low, mean.high], 0.0, 1.0)))


def evidence(maps: np.ndarray) -> Estimate:
    """The share of maps (n, S, S) that are above 0 somewhere."""
    return intervals.share_interval(float((maps > 0.0).any(axis=(1, 2)).mean()), len(maps))


def cells(maps: np.ndarray, side: int) -> np.ndarray:
    """Means of (n, S, S) over a grid: (n, side * side) float64, row by row."""
    whole = torch.from_numpy(np.asarray(maps, np.float64))[:, None]
    means: np.ndarray = F.interpolate(whole, size=(side, side), mode="area").flatten(1).numpy()
    return means


def covered_cells(masks: np.ndarray, side: int) -> np.ndarray:
    """Which cells a patch covers, (n, side * side) bool, at least one of each: those that it fills half as much as the
    one that it fills most.
    """
    filled = cells(masks, side)
    covered: np.ndarray = filled >= COVERED * filled.max(axis=1, keepdims=True)
    return covered


def hits(values: np.ndarray, covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per image, the share of the three highest cells that are covered, and whether any of them is.

    Among equal cells the choice is random, and its expectation is returned: a map without any evidence is blind
    guessing, with the paper's chances c / n and 1 - C(n - c, 3) / C(n, 3) for c covered ones of n cells.

    Args:
        values: (N, n) of the cells of each map.
        covered: (N, n) bool.
    """
    shares, anywhere = np.empty(len(values)), np.empty(len(values))
    for image, (own, inside) in enumerate(zip(values, covered, strict=True)):
        last = np.sort(own)[-HIGHEST]
        sure, tied = own > last, own == last
        left, candidates, good = HIGHEST - int(sure.sum()), int(tied.sum()), int((tied & inside).sum())
        first = int((sure & inside).sum())
        shares[image] = (first + left * good / candidates) / HIGHEST
        missed = math.comb(candidates - good, left) / math.comb(candidates, left)
        anywhere[image] = 1.0 if first else 1.0 - missed
    return shares, anywhere


def mean_over_images(values: np.ndarray) -> Estimate:
    """A mean with its 95 % interval over images; without one where all are equal, or there is only one."""
    value = float(np.mean(values)) if len(values) else math.nan
    if len(values) < 2 or np.ptp(values) == 0.0:
        return Estimate(value)
    return intervals.normal(value, float(np.std(values, ddof=1)) / math.sqrt(len(values)))
