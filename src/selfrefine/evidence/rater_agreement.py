"""Do people agree with each other, and with themselves, on the three least natural cells of an image? Method 12.4.

Where people do not agree, no map can match them. Krippendorff's alpha (2019, "Content Analysis", 4th ed.) with
the distance for sets of Passonneau (2006, "Measuring Agreement on Set-valued Items (MASI)"): 0 is chance, 1 is unity.
"""

import math

import numpy as np

from selfrefine.evidence import two_way_bootstrap
from selfrefine.evidence.human_picks import Picks
from selfrefine.evidence.pointing_game import HIGHEST
from selfrefine.metrics.intervals import Estimate

# MASI of two sets of three cells by how many they share: 1 - Jaccard's index (k of 6 - k) times 1/3, or 1 if equal.
MASI = np.array([1.0, 1.0 - 1.0 / 5.0 / 3.0, 1.0 - 2.0 / 4.0 / 3.0, 0.0])
CHUNK = 1024  # answers that are compared with all others at a time


def alpha(picks: Picks, *, seed: int) -> Estimate:
    """Krippendorff's alpha with MASI: 1 - D_o / D_e, with its 95 % interval over participants and images.

    D_o is the mean distance of two people's answers for one image, D_e that of any two answers. NaN where no two people
    saw the same image, or all answers are one. The figures behind the interval are alpha plus each answer's part in it
    to first order, so that it is the same bootstrap as everywhere (`two_way_bootstrap`).

    Args:
        picks: for generated images.
        seed: of the bootstrap.
    """
    pairable = _shared_by_two(picks)
    if not len(pairable):
        return Estimate(math.nan)
    within, all_pairs = _mean_distances(pairable)
    observed, expected = within.mean(), all_pairs.mean()
    if expected == 0.0:
        return Estimate(math.nan)
    ratio = observed / expected
    # The first order of 1 - D_o / D_e. A pair of answers is two people's and, in D_e, two images': each counts twice.
    values = 1.0 - _by_image_and_person(pairable, within) / expected + ratio * 2.0 * (all_pairs / expected - 1.0)
    return two_way_bootstrap.interval(values, pairable.participants, pairable.images, seed=seed)


def overlap(picks: Picks, *, seed: int) -> Estimate:
    """The mean share of cells that two people have in common for one image; by chance 3/n. What `test_retest` is
    compared with. NaN where no two people saw the same image.
    """
    pairable = _shared_by_two(picks)
    if not len(pairable):
        return Estimate(math.nan)
    values = _by_image_and_person(pairable, _mean_overlaps(pairable))
    return two_way_bootstrap.interval(values, pairable.participants, pairable.images, seed=seed, bounds=(0.0, 1.0))


def test_retest(first: Picks, again: Picks, *, seed: int) -> Estimate:
    """The mean share of cells that a person picks again when an image is shown again; by chance 3/n.

    Of people and images that are in both; NaN if there are none.

    Args:
        first: answers to the images when they were shown first.
        again: answers to the same images, under the same numbers, shown again.
        seed: of the bootstrap.
    """
    rows = {key: row for row, key in enumerate(zip(first.participants.tolist(), first.images.tolist(), strict=True))}
    keys = list(zip(again.participants.tolist(), again.images.tolist(), strict=True))
    pairs = np.array([(rows[key], row) for row, key in enumerate(keys) if key in rows], np.int64).reshape(-1, 2)
    before, after = first.cells[pairs[:, 0]], again.cells[pairs[:, 1]]
    same = (before[:, :, None] == after[:, None, :]).sum(axis=(1, 2)) / HIGHEST
    people, images = again.participants[pairs[:, 1]], again.images[pairs[:, 1]]
    return two_way_bootstrap.interval(same, people, images, seed=seed, bounds=(0.0, 1.0))


def _shared_by_two(picks: Picks) -> Picks:
    """The answers for images that two people or more have seen."""
    _, image, seen = np.unique(picks.images, return_inverse=True, return_counts=True)
    kept = seen[image] > 1
    return Picks(picks.participants[kept], picks.images[kept], picks.cells[kept])


def _shared_cells(cells: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How many cells each answer (A, 3) shares with each of the others (B, 3): (A, B) int."""
    size = int(max(cells.max(), others.max())) + 1
    one, other = (np.zeros((len(part), size), np.float32) for part in (cells, others))
    np.put_along_axis(one, cells, 1.0, axis=1)
    np.put_along_axis(other, others, 1.0, axis=1)
    shared: np.ndarray = (one @ other.T).astype(np.int64)
    return shared


def _mean_distances(picks: Picks) -> tuple[np.ndarray, np.ndarray]:
    """Of each answer, the mean distance to the others of its image, and to all others: (A,) twice."""
    all_pairs = np.empty(len(picks))
    for start in range(0, len(picks), CHUNK):
        shared = _shared_cells(picks.cells[start : start + CHUNK], picks.cells)
        all_pairs[start : start + CHUNK] = MASI[shared].sum(axis=1)  # itself is at distance 0
    within = np.empty(len(picks))
    for rows in _of_each_image(picks):
        within[rows] = MASI[_shared_cells(picks.cells[rows], picks.cells[rows])].sum(axis=1) / (len(rows) - 1)
    return within, all_pairs / (len(picks) - 1)


def _mean_overlaps(picks: Picks) -> np.ndarray:
    """Of each answer, the mean share of cells in common with the others of its image, (A,)."""
    found = np.empty(len(picks))
    for rows in _of_each_image(picks):
        shared = _shared_cells(picks.cells[rows], picks.cells[rows]).sum(axis=1) - HIGHEST
        found[rows] = shared / HIGHEST / (len(rows) - 1)
    return found


def _by_image_and_person(picks: Picks, within: np.ndarray) -> np.ndarray:
    """The same mean over answers, with errors as those of a mean over pairs of people: an image counts once in a pair,
    each of its two people once more.
    """
    values = np.empty(len(picks))
    for rows in _of_each_image(picks):
        values[rows] = 2.0 * within[rows] - within[rows].mean()
    return values


def _of_each_image(picks: Picks) -> list[np.ndarray]:
    """The rows of the answers for each image."""
    order = np.argsort(picks.images, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(picks.images[order])) + 1)
