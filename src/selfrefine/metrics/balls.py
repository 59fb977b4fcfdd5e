"""What balls in feature space hold: precision and recall (Kynkäänniemi et al. 2019), clipped density and clipped
coverage (Salvy et al. 2025, arXiv 2507.01761; method 5).

The ball of an image reaches to its k-th nearest other image of the same set. Far outliers have large balls, which hold
nearly anything. Clipped density therefore shortens the longest radii and lets no image count more than once; clipped
coverage lets none of the real images count more than once. Both are then scaled so that they read as a share: of a
sample of which a share p is as real images and the rest lies far from all of them, both expect p.

Not in that paper, which has as many real as generated images: of more real ones clipped coverage takes the first, as
many as are generated. Else few balls would hold k of the sample, nothing would be clipped, and a sample that lacks half
of the modes would seem to cover them (tests/metrics/test_balls.py).
"""

import functools
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, gammaln  # type: ignore[import-untyped]

from selfrefine.metrics.pairwise_blocks import Block, squared_distances


@dataclass(frozen=True)
class Balls:
    """One set of images, each with its ball.

    Args:
        features: (N, D) float64, N > neighbours.
        neighbours: k.
    """

    features: np.ndarray
    neighbours: int

    @functools.cached_property
    def nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """Squared distances to the k nearest other images of the set, and which those are; (N, k) each, in any order.

        Of images that are equally far as the k-th, only as many as make k of them.
        """
        k, n = self.neighbours, len(self.features)
        distances, indices = np.full((n, k), np.inf), np.zeros((n, k), int)

        def least(block: Block) -> tuple[np.ndarray, np.ndarray]:
            if block.rows == block.columns:
                np.fill_diagonal(block.values, np.inf)  # no image is its own neighbour
            places = np.argpartition(block.values, min(k, block.values.shape[1]) - 1, axis=1)[:, :k]
            return np.take_along_axis(block.values, places, axis=1), places + block.columns.start

        for rows, _, found in squared_distances(self.features, self.features, least):
            both = [
                np.concatenate([known[rows], new], axis=1)
                for known, new in zip((distances, indices), found, strict=True)
            ]
            places = np.argpartition(both[0], k - 1, axis=1)[:, :k]
            distances[rows], indices[rows] = (np.take_along_axis(values, places, axis=1) for values in both)
        return distances, indices

    @functools.cached_property
    def squared_radii(self) -> np.ndarray:
        """(N,)."""
        distances, _ = self.nearest
        furthest: np.ndarray = distances.max(axis=1)
        return furthest

    @functools.cached_property
    def clipped_radii(self) -> np.ndarray:
        """(N,): squared, none longer than the median."""
        shortened: np.ndarray = np.minimum(self.squared_radii, np.median(self.squared_radii))
        return shortened

    @functools.cached_property
    def own_density(self) -> float:
        """The unscaled clipped density of the set in the balls of its other images: what a perfect sample expects."""
        distances, indices = self.nearest
        held = indices[distances <= self.clipped_radii[:, None]]
        return _clipped_mean(np.bincount(held, minlength=len(self.features)), self.neighbours)


def figures(sample: Balls, real: Balls) -> dict[str, float]:
    """The four figures of generated images, each in [0, 1], from one pass over all pairs of both sets.

    - precision: share of the sample that lies in the ball of at least one real image.
    - recall: share of the real images that lie in the ball of at least one generated image.
    - clipped_density: of each generated image the number of real balls, clipped, that hold it, at most k, over k; the
      mean of these over that of the real images themselves, at most 1.
    - clipped_coverage: of each real ball the number of generated images in it, at most k, over k; the share of a
      perfect sample whose mean of these is expected to be as high (`share_of_good`). Of the first real images, as many
      as are generated: balls are those among them.
    """
    n, k = len(sample.features), real.neighbours
    equal = Balls(real.features[:n], k) if n < len(real.features) else real
    shared = _shared(sample, real, equal)
    density = _clipped_mean(shared.balls_of_sample, k)
    covered = _clipped_mean(shared.sample_in_ball, k)
    return {
        "precision": float(shared.sample_held.mean()),
        "recall": float(shared.real_held.mean()),
        "clipped_density": min(density / real.own_density, 1.0),
        "clipped_coverage": share_of_good(covered, n, len(equal.features), k),
    }


@dataclass(frozen=True)
class Shared:
    """What both sets hold of each other: (N,) of generated and (M,) of real images."""

    sample_held: np.ndarray  # (N,): whether a real ball holds it
    real_held: np.ndarray  # (M,): whether a generated ball holds it
    balls_of_sample: np.ndarray  # (N,): how many real balls of clipped radii hold it
    sample_in_ball: np.ndarray  # of the first real images: how many generated ones its ball among these holds


def _shared(sample: Balls, real: Balls, equal: Balls) -> Shared:
    n, m = len(sample.features), len(real.features)
    sample_held, real_held = np.zeros(n, bool), np.zeros(m, bool)
    balls_of_sample, sample_in_ball = np.zeros(n, int), np.zeros(m, int)
    equal_radii = np.full(m, -1.0)  # of the others, in whose place nothing lies
    equal_radii[: len(equal.features)] = equal.squared_radii

    def held(block: Block) -> tuple[np.ndarray, ...]:
        squared = block.values
        return (
            np.asarray((squared <= real.squared_radii[block.columns]).any(axis=1)),
            np.asarray((squared <= sample.squared_radii[block.rows, None]).any(axis=0)),
            (squared <= real.clipped_radii[block.columns]).sum(axis=1),
            (squared <= equal_radii[block.columns]).sum(axis=0),
        )

    for rows, columns, found in squared_distances(sample.features, real.features, held):
        sample_held[rows] |= found[0]
        real_held[columns] |= found[1]
        balls_of_sample[rows] += found[2]
        sample_in_ball[columns] += found[3]
    return Shared(sample_held, real_held, balls_of_sample, sample_in_ball[: len(equal.features)])


def _clipped_mean(counts: np.ndarray, k: int) -> float:
    return float((np.minimum(counts, k) / k).mean())


def share_of_good(covered: float, n_sample: int, n_real: int, k: int) -> float:
    """Which share of a perfect sample, the rest of it lying in no real ball, expects the unscaled coverage `covered`.

    Between two whole numbers of images the share is interpolated; 1 beyond what the whole sample expects.
    """
    expected = expected_coverage(np.arange(n_sample + 1), n_real, k)
    return float(np.interp(covered, expected, np.linspace(0.0, 1.0, n_sample + 1)))


def expected_coverage(n_good: np.ndarray, n_real: int, k: int) -> np.ndarray:
    """E[min(B, k)] / k, where B of `n_good` images that are distributed as the real ones lie in a real image's ball.

    The ball holds k of the n_real - 1 other real images, so that its probability has the distribution Beta(k,
    n_real - k), and B is beta-binomial, whatever the distribution of the images.

    Args:
        n_good: (M,) whole numbers.
        n_real: more than k.
        k: which nearest neighbour bounds a ball.

    Returns:
        (M,), strictly increasing in n_good.
    """
    found = np.full(len(n_good), float(k))
    for inside in range(k):
        possible = n_good >= inside
        good = np.where(possible, n_good, inside)
        outside = good - inside
        ways = gammaln(good + 1) - gammaln(inside + 1) - gammaln(outside + 1)
        chance = np.exp(ways + betaln(k + inside, n_real - k + outside) - betaln(k, n_real - k))
        found -= (k - inside) * np.where(possible, chance, 0.0)
    expected: np.ndarray = found / k
    return expected
