"""Kernel distance: squared maximum mean discrepancy of the cubic kernel, unbiased, with its jackknife standard error.

Only on the features of inception-v3-compat is it the KID of Bińkowski et al. (2018).
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from selfrefine.metrics.pairwise_blocks import Block, products


@dataclass(frozen=True)
class Pool:
    """One set of features, (N, D) float64, N >= 3."""

    features: np.ndarray

    @functools.cached_property
    def sums(self) -> np.ndarray:
        """(N,): for each image the sum of the kernel with all others of the pool."""
        own = (self.features**2).sum(axis=1) / self.features.shape[1] + 1.0
        sums: np.ndarray = -(own**3)
        for rows, columns, (across, back) in products(self.features, self.features, _sums(self.features), upper=True):
            sums[rows] += across
            if rows != columns:  # the block below the diagonal is this one, mirrored
                sums[columns] += back
        return sums


def _sums(features: np.ndarray) -> Callable[[Block], tuple[np.ndarray, np.ndarray]]:
    """Of a block of products of features (N, D): the sums of k(x, y) = (x'y / D + 1)^3 over columns and over rows."""
    width = features.shape[1]

    def of_block(block: Block) -> tuple[np.ndarray, np.ndarray]:
        kernel = block.values
        kernel /= width
        kernel += 1.0
        kernel *= kernel * kernel
        return kernel.sum(axis=1), kernel.sum(axis=0)

    return of_block


def _cross_sums(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) and (M,): for each image of either pool the sum of the kernel with all of the other."""
    across, back = np.zeros(len(x)), np.zeros(len(y))
    for rows, columns, (by_row, by_column) in products(x, y, _sums(x)):
        across[rows] += by_row
        back[columns] += by_column
    return across, back


def kernel_distance(sample: Pool, reference: Pool) -> tuple[float, float]:
    """Unbiased estimate over all images of both pools (no sub-sets, hence no random numbers).

    Returns:
        (squared MMD, which may be slightly negative; its standard error by leaving out one image of either pool).
    """
    n, m = len(sample.features), len(reference.features)
    across, back = _cross_sums(sample.features, reference.features)
    cross, own, other = across.sum(), sample.sums.sum(), reference.sums.sum()
    value = own / (n * (n - 1)) + other / (m * (m - 1)) - 2.0 * cross / (n * m)
    # What the estimate would be without image i, up to a constant.
    without_sample = (own - 2.0 * sample.sums) / ((n - 1) * (n - 2)) - 2.0 * (cross - across) / ((n - 1) * m)
    without_reference = (other - 2.0 * reference.sums) / ((m - 1) * (m - 2)) - 2.0 * (cross - back) / (n * (m - 1))
    variance = (n - 1) * without_sample.var() + (m - 1) * without_reference.var()
    return float(value), float(np.sqrt(variance))
