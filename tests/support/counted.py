"""Images that count how often they are read, as many as one likes: none is there before it is asked for."""

import math

import numpy as np

MOST = 20_000  # rows read together that count as the whole data set


class Counted:
    """Stands for memory-mapped images, (n, size, size, 3) uint8: what is taken out of it is counted.

    A slice is read when it becomes an array, as a slice of a memory map is; rows named one by one at once.

    Args:
        n: how many images.
        size: their side, px.
        reads: where rows are counted.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, n, size=8, reads=None):
        self.shape = (n, size, size, 3)
        self.reads = [] if reads is None else reads

    @property
    def rows(self):
        """How many were read."""
        return sum(self.reads)

    @property
    def size(self):
        return math.prod(self.shape)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        if isinstance(key, slice):
            return Counted(len(range(*key.indices(len(self)))), self.shape[1], self.reads)
        if isinstance(key, tuple):
            return np.asarray(self)[key]
        rows = np.asarray(key)
        assert rows.min(initial=0) >= 0
        assert rows.max(initial=0) < len(self)
        return self._read(rows.size).reshape(*rows.shape, *self.shape[1:])

    def __array__(self, dtype=None, copy=None):
        return self._read(len(self)).astype(dtype or self.dtype)

    def _read(self, count):
        assert count <= MOST, f"{count} images were copied together"
        self.reads.append(count)
        return np.full((count, *self.shape[1:]), 128, np.uint8)
