"""Tables of all pairs in blocks of rows, so that memory grows with the number of images and not with its square."""

from collections.abc import Iterator

import numpy as np

ROWS = 1024  # of one block


def products(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields (rows, x[rows] @ y.T) for blocks of rows; x is (N, D), y is (M, D)."""
    for start in range(0, len(x), ROWS):
        rows = slice(start, min(start + ROWS, len(x)))
        yield rows, x[rows] @ y.T


def squared_distances(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields (rows, |x_i - y_j|^2) for blocks of rows, (rows, M), never negative."""
    x_norms, y_norms = (x**2).sum(axis=1), (y**2).sum(axis=1)
    for rows, block in products(x, y):
        block *= -2.0
        block += x_norms[rows, None]
        block += y_norms
        yield rows, block.clip(min=0.0, out=block)
