"""Kernel distance: squared maximum mean discrepancy of the cubic kernel, unbiased, with its jackknife standard error.

Only on the features of inception-v3-compat is it the KID of Bińkowski et al. (2018).
"""

import functools
from dataclasses import dataclass

import numpy as np

from selfrefine.metrics.pairwise_blocks import products


@dataclass(frozen=True)
class Pool:
    """One set of features, (N, D) float64, N >= 3."""

    features: np.ndarray

    @functools.cached_property
    def sums(self) -> np.ndarray:
        """(N,): for each image the sum of the kernel with all others of the pool."""
        own = (self.features**2).sum(axis=1) / self.features.shape[1] + 1.0
        sums: np.ndarray = _row_sums(self.features, self.features) - own**3
        return sums


def _row_sums(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N,): for each row of x the sum over all rows of y of k(x, y) = (x'y / D + 1)^3."""
    return np.concatenate([((block / x.shape[1] + 1.0) ** 3).sum(axis=1) for _, block in products(x, y)])


def kernel_distance(sample: Pool, reference: Pool) -> tuple[float, float]:
    """Unbiased estimate over all images of both pools (no sub-sets, hence no random numbers).

    Returns:
        (squared MMD, which may be slightly negative; its standard error by leaving out one image of either pool).
    """
    n, m = len(sample.features), len(reference.features)
    # The cross sums once per image of either pool.
    across = _row_sums(sample.features, reference.features)
    back = _row_sums(reference.features, sample.features)
    cross, own, other = across.sum(), sample.sums.sum(), reference.sums.sum()
    value = own / (n * (n - 1)) + other / (m * (m - 1)) - 2.0 * cross / (n * m)
    # What the estimate would be without image i, up to a constant.
    without_sample = (own - 2.0 * sample.sums) / ((n - 1) * (n - 2)) - 2.0 * (cross - across) / ((n - 1) * m)
    without_reference = (other - 2.0 * reference.sums) / ((m - 1) * (m - 2)) - 2.0 * (cross - back) / (n * (m - 1))
    variance = (n - 1) * without_sample.var() + (m - 1) * without_reference.var()
    return float(value), float(np.sqrt(variance))
