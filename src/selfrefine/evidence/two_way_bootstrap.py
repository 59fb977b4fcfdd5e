"""How sure a mean over answers is when people and images are both a sample: a two-way bootstrap (method 12.3).

Each person answers for many images and each image has the answers of many people, so answers are not independent: one
is worth less than one. Participants and images are drawn anew, each apart, with replacement (McCullagh 2000; Owen 2007,
"The pigeonhole bootstrap", Annals of Applied Statistics 1:386-411). The quantiles of such means are no interval: they
count the noise of single answers three times, which is far too wide where that noise is all there is,
and are too narrow for a handful of people. So each drawn mean is divided by its own standard error, the two-way one of
Cameron, Gelbach & Miller (2011, Journal of Business & Economic Statistics 29:238-249), as in any bootstrap-t.
"""

import math
from typing import NamedTuple

import numpy as np

from selfrefine.metrics.intervals import CONFIDENCE, Estimate

DRAWS = 2000
EQUAL = 1e-12  # figures that differ by less are one, with the last bits of their sums
FEWEST = 4  # participants, and images: of fewer there are too few samples to draw, and no interval


class Components(NamedTuple):
    """Standard deviations of what an answer's figure is a sum of, beside the mean. Method 12.3."""

    people: float  # between participants
    images: float  # between images
    answers: float  # what is left


class _Table(NamedTuple):
    """Answers by participant and image, (P, I) each: their number, and the sum of their figures."""

    counts: np.ndarray
    sums: np.ndarray


class _Variance(NamedTuple):
    """Of means, (n,) each: squared standard errors by participants, by images, by participants within images."""

    mean: np.ndarray
    people: np.ndarray
    images: np.ndarray
    both: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Both ways, without what both count; at least the larger of them, since a difference can fall below 0."""
        larger = np.maximum(self.people, self.images)
        found: np.ndarray = np.maximum(self.people + self.images - self.both, larger)
        return found


def interval(
    values: np.ndarray,
    participants: np.ndarray,
    images: np.ndarray,
    *,
    seed: int,
    bounds: tuple[float, float] = (-1.0, 1.0),
) -> Estimate:
    """The mean over answers with its 95 % interval over participants and images.

    Without an interval where all figures are equal, or with fewer than FEWEST participants or images.

    Args:
        values: (A,), one figure for each answer; finite.
        participants: (A,) int, who gave it.
        images: (A,) int, of which image.
        seed: of the draws. One seed draws the same people and images for all figures of the same answers.
        bounds: of what the mean can be; the interval is cut off there.
    """
    if not len(values):
        return Estimate(math.nan)
    table, value = _table(values, participants, images), float(np.mean(values))
    if min(table.counts.shape) < FEWEST or np.ptp(values) < EQUAL:
        return Estimate(value)
    draws = np.random.default_rng(seed)
    weights = [draws.multinomial(n, np.full(n, 1.0 / n), size=DRAWS).astype(np.float64) for n in table.counts.shape]
    drawn = _variance(table, *weights)
    error = math.sqrt(float(_variance(table, *(np.ones((1, n)) for n in table.counts.shape)).total[0]))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (drawn.mean - value) / np.sqrt(drawn.total)
    # A draw of one participant alone has no error to divide by: it is as far out as can be, on its side.
    far = np.copysign(np.inf, np.nan_to_num(drawn.mean - value))
    tail = (1.0 - CONFIDENCE) / 2.0
    ordered = np.sort(np.where(np.isfinite(ratios), ratios, far))
    lowest, highest = ordered[math.floor(tail * DRAWS)], ordered[DRAWS - 1 - math.floor(tail * DRAWS)]
    ends = np.clip([value - highest * error, value - lowest * error], *bounds)
    return Estimate(value, float(ends[0]), float(ends[1]))


def components(values: np.ndarray, participants: np.ndarray, images: np.ndarray) -> Components:
    """What figures vary by, which `power` plans a study with; NaN of fewer than two participants or images.

    By the same squared errors as the interval: of P participants with I images each they are, on average,
    people^2 / P + answers^2 / (P I), images^2 / I + answers^2 / (P I) and their common part. A variance below 0 is 0.

    Args:
        values, participants, images: as in `interval`; nearly all participants have answered for all images.
    """
    table = _table(values, participants, images)
    n_people, n_images = table.counts.shape
    if min(n_people, n_images) < 2:
        return Components(math.nan, math.nan, math.nan)
    table = _Table(np.minimum(table.counts, 1.0), table.sums / np.maximum(table.counts, 1.0))
    shown = table.counts > 0.0
    grand = table.sums[shown].mean()
    rows, columns = (table.sums.sum(axis=way) / np.maximum(table.counts.sum(axis=way), 1.0) for way in (1, 0))
    left = np.where(shown, table.sums - rows[:, None] - columns + grand, 0.0)
    freedom = max(float(shown.sum()) - n_people - n_images + 1.0, 1.0)
    answers = float((left**2).sum()) / freedom
    people = float(rows.var(ddof=1)) - answers * float((1.0 / shown.sum(axis=1)).mean())
    of_images = float(columns.var(ddof=1)) - answers * float((1.0 / shown.sum(axis=0)).mean())
    return Components(*(math.sqrt(max(part, 0.0)) for part in (people, of_images, answers)))


def _table(values: np.ndarray, participants: np.ndarray, images: np.ndarray) -> _Table:
    """Sums of figures by participant and image."""
    (people, row), (shown, column) = (np.unique(keys, return_inverse=True) for keys in (participants, images))
    counts, sums = np.zeros((2, len(people), len(shown)))
    np.add.at(counts, (row, column), 1.0)
    np.add.at(sums, (row, column), values)
    return _Table(counts, sums)


def _variance(table: _Table, people: np.ndarray, images: np.ndarray) -> _Variance:
    """Means of weighted participants (n, P) and images (n, I), and their squared errors.

    A participant or an image that is drawn twice counts as two.
    """
    (counts, sums), (n_people, n_images) = table, table.counts.shape
    counted, summed = images @ counts.T, images @ sums.T  # (n, P)
    total = (people * counted).sum(axis=1)
    mean = (people * summed).sum(axis=1) / np.where(total > 0.0, total, np.nan)
    by_person = (people * (summed - mean[:, None] * counted) ** 2).sum(axis=1)
    by_image = (images * (people @ sums - mean[:, None] * (people @ counts)) ** 2).sum(axis=1)
    squares = [(people * (images @ part.T)).sum(axis=1) for part in (sums**2, sums * counts, counts**2)]
    by_both = squares[0] - 2.0 * mean * squares[1] + mean**2 * squares[2]
    return _Variance(
        mean,
        by_person / total**2 * n_people / (n_people - 1),
        by_image / total**2 * n_images / (n_images - 1),
        by_both / total**2,
    )
