"""Do people see flaws where a map has them? Their three cells of an image against a map's three highest (method 12).

The paper's Fig. 9 counts a match of people's cells with a map's, 87 %, without the number of cells, on which the figure
of a blind guess depends, and without another map. Here both readings of a match stand beside their chance levels, and
the figure that counts is how much better the flaw map of an image does than those of the other images, which know where
flaws usually are but not where this image has its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import comb  # type: ignore[import-untyped]

from selfrefine.core.errors import InputError
from selfrefine.core.names import FLAW
from selfrefine.evidence import two_way_bootstrap
from selfrefine.evidence.pointing_game import HIGHEST
from selfrefine.guidance import control_maps
from selfrefine.metrics.intervals import Estimate

ANOTHER, CENTRE, CHANCE = "another_image", "gaussian_center", "chance"  # rows beside those of the maps given
SHARE, ANY = "share", "any_match"  # the two readings
DIFFERENCE = {SHARE: "difference", ANY: "any_match_difference"}  # of the flaw map and another, by reading
EQUAL = 1e-5  # of a map's range: nearer cells are equal, so that no rounding of equal ones says which is higher

Estimates = dict[str, dict[str, Estimate]]  # map -> metric -> figure


@dataclass(frozen=True, eq=False)
class Picks:
    """What people picked: an answer a row, at most one of a participant for an image.

    Args:
        participants: (A,) int, who.
        images: (A,) int, for which image, as a row of the maps.
        cells: (A, 3) int, three different cells of the grid, counted row by row from 0.

    Raises:
        InputError: arrays of other shapes, a cell picked twice, two answers of a participant for an image.
    """

    participants: np.ndarray
    images: np.ndarray
    cells: np.ndarray

    def __post_init__(self) -> None:
        """Refuses what is not three different cells once for each participant and image."""
        count = len(self.participants)
        if self.images.shape != (count,) or self.cells.shape != (count, HIGHEST):
            raise InputError(
                f"picks: {self.images.shape} images and {self.cells.shape} cells of {count} answers; ({count},) and "
                f"({count}, {HIGHEST}) needed"
            )
        if (np.diff(np.sort(self.cells, axis=1), axis=1) <= 0).any():
            raise InputError(f"picks: an answer has a cell twice; {HIGHEST} different ones needed")
        if len(np.unique(np.stack([self.participants, self.images]), axis=1).T) != count:
            raise InputError("picks: a participant has two answers for an image; one allowed")

    def __len__(self) -> int:
        """A."""
        return len(self.participants)


class Matches(NamedTuple):
    """Of each answer with maps: the share of its cells in the three highest, and whether any is; in expectation."""

    share: np.ndarray
    any_match: np.ndarray


def chance(n_cells: int) -> dict[str, Estimate]:
    """What a blind guess gives on a grid of n cells, by reading: 3/n, and 1 - C(n-3, 3) / C(n, 3). Method 12.1."""
    missed = math.comb(n_cells - HIGHEST, HIGHEST) / math.comb(n_cells, HIGHEST)
    return {SHARE: Estimate(HIGHEST / n_cells), ANY: Estimate(1.0 - missed)}


def matches(cells: np.ndarray, values: np.ndarray) -> Matches:
    """Each answer against each map, (A, M) twice.

    Among equal cells of a map the choice is random; what stands here is its expectation, exactly. So a map without any
    evidence is a blind guess.

    Args:
        cells: (A, 3) int, of `Picks`.
        values: (M, n), the maps on the grid; only their order counts.
    """
    near = EQUAL * np.ptp(values, axis=1, keepdims=True)
    last = np.sort(values, axis=1)[:, [-HIGHEST]]
    sure = values > last + near
    tied = ~sure & (values >= last - near)
    left, candidates = (HIGHEST - sure.sum(axis=1)), tied.sum(axis=1)
    first = sure.T[cells].sum(axis=1)  # (A, M): picked cells that are sure to be among the highest
    good = tied.T[cells].sum(axis=1)
    missed = comb(candidates - good, left) / comb(candidates, left)
    return Matches((first + left * good / candidates) / HIGHEST, np.where(first > 0, 1.0, 1.0 - missed))


def measure(picks: Picks, maps: Mapping[str, np.ndarray], *, seed: int) -> Estimates:
    """How well maps show what people pick, each with its 95 % interval over participants and images.

    Args:
        picks: for generated images; those of excluded participants and second answers to repeats are not among them.
        maps: name -> (images, grid, grid), one map an image; FLAW among them. ANOTHER is made here, of FLAW: all other
            images' maps in turn, not one of them by chance; one that is given is not used.
        seed: of the bootstrap.

    Returns:
        Map -> SHARE and ANY, and for all but FLAW what FLAW has more, paired (DIFFERENCE). ANOTHER, the difference that
        counts, also has `sd_people`, `sd_images` and `sd_answers` of its difference, for `power`. CHANCE stands last.

    Raises:
        InputError: no answers, no flaw map, maps of several shapes, picks that do not fit them, values that are not
            finite.
    """
    grids = {name: values for name, values in maps.items() if name != ANOTHER}
    _check(picks, grids)
    shown, image = np.unique(picks.images, return_inverse=True)
    flat = {name: values[shown].reshape(len(shown), -1).astype(np.float64) for name, values in grids.items()}
    answer = np.arange(len(picks))
    all_pairs = {name: matches(picks.cells, values) for name, values in flat.items()}
    found = {name: Matches(*(part[answer, image] for part in pairs)) for name, pairs in all_pairs.items()}
    if len(shown) > 1:
        found[ANOTHER] = Matches(*(of_others(part, image) for part in all_pairs[FLAW]))

    def estimate(values: np.ndarray, lowest: float) -> Estimate:
        """The mean over answers."""
        return two_way_bootstrap.interval(values, picks.participants, picks.images, seed=seed, bounds=(lowest, 1.0))

    own, estimates = found[FLAW]._asdict(), {}
    for name, both in found.items():
        estimates[name] = {reading: estimate(values, 0.0) for reading, values in both._asdict().items()}
        if name != FLAW:
            for reading, values in both._asdict().items():
                estimates[name][DIFFERENCE[reading]] = estimate(own[reading] - values, -1.0)
    if ANOTHER in found:
        less = own[SHARE] - found[ANOTHER].share
        parts = two_way_bootstrap.components(less, picks.participants, picks.images)._asdict()
        estimates[ANOTHER] |= {f"sd_{part}": Estimate(value) for part, value in parts.items()}
    return estimates | {CHANCE: chance(flat[FLAW].shape[1])}


def of_others(pairs: np.ndarray, image: np.ndarray) -> np.ndarray:
    """What each answer has in common with the maps of the other images, (A,), so that errors of its mean are right.

    The mean over these maps, plus how well the map of the answer's own image does on the others' answers, less the mean
    of that: images are drawn with their maps, and one that fits many answers is luck, too. The mean over answers is
    that of the first part alone (Hoeffding's projection of a U-statistic; method 12.2).

    Args:
        pairs: (A, M), of each answer with each map.
        image: (A,) int, whose map is its own.
    """
    answers, (count, n_maps) = np.arange(len(pairs)), pairs.shape
    others = pairs.copy()
    others[answers, image] = 0.0
    elsewhere = count - np.bincount(image, minlength=n_maps)  # answers for other images, of each map
    fits = others.sum(axis=0) / elsewhere
    projected: np.ndarray = others.sum(axis=1) / (n_maps - 1) + fits[image] - fits[image].mean()
    return projected


def centre_prior(picks: Picks, grid: int, *, seed: int) -> dict[str, Estimate]:
    """How much people's picks for real photographs, which have no flaws, follow a Gaussian centre: SHARE and ANY.

    Above chance it says where people click whatever there is to see.

    Args:
        picks: for real photographs alone.
        grid: cells a side.
        seed: of the bootstrap.
    """
    centre = control_maps.gaussian_center(grid).numpy().reshape(1, -1).astype(np.float64)
    found = Matches(*(part[:, 0] for part in matches(picks.cells, centre)))
    return {
        reading: two_way_bootstrap.interval(values, picks.participants, picks.images, seed=seed, bounds=(0.0, 1.0))
        for reading, values in found._asdict().items()
    }


def pick_rates(picks: Picks, n_images: int, n_cells: int) -> np.ndarray:
    """The share of people who picked each cell of each image, (images, cells) float64; NaN for one without answers."""
    picked = np.zeros((n_images, n_cells))
    np.add.at(picked, (np.repeat(picks.images, HIGHEST), picks.cells.ravel()), 1.0)
    answers = np.bincount(picks.images, minlength=n_images)[:, None]
    rates: np.ndarray = picked / np.where(answers > 0, answers, np.nan)
    return rates


def _check(picks: Picks, maps: Mapping[str, np.ndarray]) -> None:
    """Raises InputError unless maps and picks belong together."""
    if FLAW not in maps or not len(picks):
        raise InputError(f"picks: {len(picks)} answers and maps {', '.join(maps) or 'none'}; some and {FLAW} needed")
    shape = maps[FLAW].shape
    for name, values in maps.items():
        if values.shape != shape or values.ndim != 3 or not np.isfinite(values).all():
            raise InputError(f"maps: {name} is {values.shape}; finite numbers (images, rows, columns) as {FLAW} needed")
    for what, numbers, count in (("images", picks.images, shape[0]), ("cells", picks.cells, shape[1] * shape[2])):
        if numbers.min() < 0 or numbers.max() >= count:
            raise InputError(f"picks: {what} {numbers.min()} to {numbers.max()}; 0 to {count - 1} needed by the maps")
