"""Long work in chunks: finished ones wait in a scratch folder, and a killed job makes what is missing or damaged.

Every chunk has the same size, the last one too, whose surplus is cut: the bytes depend on no order of work.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from selfrefine.core import arrays, kept
from selfrefine.core.progress import Progress


@dataclass(frozen=True)
class Made:
    """Results in the files of their chunks: more of them than memory holds can be written as one file.

    Args:
        parts: the files, in order.
        length: how many results; what goes beyond is cut.
    """

    parts: list[Path]
    length: int

    def array(self) -> np.ndarray:
        """All of them in memory, (length, ...)."""
        return joined(self.parts, self.length)

    def write(self, path: Path) -> None:
        """All of them as one .npy; holds one chunk at a time."""
        arrays.join(path, self.parts, self.length)


def in_chunks(
    make: Callable[[np.ndarray], np.ndarray],
    n: int,
    scratch: Path,
    *,
    label: str,
    chunk_size: int,
    unit: str = "image",
) -> list[Path]:
    """The files of all chunks, in order, just checked; those that lie in `scratch` whole already are not made again.

    Args:
        make: from the numbers of a chunk, (chunk_size,) int64, which in the last chunk go beyond n, the array of their
            results, (chunk_size, ...).
        n: results in all, at least one.
        scratch: the job's scratch folder.
        label: for the progress lines.
        chunk_size: results of one chunk.
        unit: one result's name, for the progress lines.

    Raises:
        InputError: a chunk was damaged while others were made.
    """
    names = {start: f"chunk{start:08d}.npy" for start in range(0, n, chunk_size)}
    paths = {start: kept.found(scratch, name) for start, name in names.items()}
    finished = min(sum(path is not None for path in paths.values()) * chunk_size, n)
    with Progress(label, n, start=finished, unit=unit, counted=f"{unit}s") as progress:
        for start, path in paths.items():
            if path is None:
                made = make(np.arange(start, start + chunk_size))
                paths[start] = kept.write(scratch, names[start], partial(arrays.fill_array, array=made))
            progress.update(min(start + chunk_size, n))
    return [kept.checked(path) for path in paths.values() if path is not None]


def joined(paths: list[Path], n: int) -> np.ndarray:
    """The first `n` results of the chunks in these files, (n, ...)."""
    return np.concatenate([arrays.read_array(path) for path in paths])[:n]
