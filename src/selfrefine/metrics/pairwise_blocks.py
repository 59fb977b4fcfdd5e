"""Tables of all pairs in blocks: memory grows with the number of images and not with its square.

Each processor works on a block of its own, since a job of Snakemake has one thread of BLAS.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

from selfrefine.core.devices import threads

SIDE = 2048  # of a block: 32 MiB
Found = TypeVar("Found")


class Block(NamedTuple):
    """A part of a table: which rows and columns, and its values, which may be overwritten."""

    rows: slice
    columns: slice
    values: np.ndarray


def products(
    x: np.ndarray, y: np.ndarray, work: Callable[[Block], Found], *, upper: bool = False
) -> Iterator[tuple[slice, slice, Found]]:
    """What `work`, which runs in threads, makes of each block of x @ y.T.

    Args:
        x: (N, D).
        y: (M, D).
        work: of a block.
        upper: only of blocks on and above the diagonal: where y is x, the others mirror them.

    Yields:
        (rows, columns, found), always in the same order, by rows.
    """
    places = [
        (slice(row, min(row + SIDE, len(x))), slice(column, min(column + SIDE, len(y))))
        for row in range(0, len(x), SIDE)
        for column in range(row if upper else 0, len(y), SIDE)
    ]

    def made(place: tuple[slice, slice]) -> tuple[slice, slice, Found]:
        rows, columns = place
        return rows, columns, work(Block(rows, columns, x[rows] @ y[columns].T))

    with ThreadPoolExecutor(threads()) as pool:
        yield from pool.map(made, places)


def squared_distances(
    x: np.ndarray, y: np.ndarray, work: Callable[[Block], Found]
) -> Iterator[tuple[slice, slice, Found]]:
    """What `work` makes of each block of |x_i - y_j|^2, never negative; else as `products`."""
    x_norms, y_norms = (x**2).sum(axis=1), (y**2).sum(axis=1)

    def distances(block: Block) -> Found:
        values = block.values
        values *= -2.0
        values += x_norms[block.rows, None]
        values += y_norms[block.columns]
        values.clip(min=0.0, out=values)
        return work(block)

    yield from products(x, y, distances)
