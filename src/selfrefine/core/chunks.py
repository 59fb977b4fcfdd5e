"""Long work in chunks: finished ones wait in a scratch folder, and a killed job goes on after the last of them.

Every chunk has the same size, the last one too, whose surplus is cut: the bytes depend on no order of work.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from selfrefine.core import arrays
from selfrefine.core.progress import Progress


def in_chunks(
    make: Callable[[np.ndarray], np.ndarray],
    n: int,
    scratch: Path,
    *,
    label: str,
    chunk_size: int,
    unit: str = "image",
) -> list[Path]:
    """The files of all chunks, in order; those that lie in `scratch` already are not made again.

    Args:
        make: from the numbers of a chunk, (chunk_size,) int64, which in the last chunk go beyond n, the array of their
            results, (chunk_size, ...).
        n: results in all, at least one.
        scratch: the job's scratch folder.
        label: for the progress lines.
        chunk_size: results of one chunk.
        unit: one result's name, for the progress lines.
    """
    starts = range(0, n, chunk_size)
    paths = [scratch / f"chunk{start:08d}.npy" for start in starts]
    finished = min(sum(path.is_file() for path in paths) * chunk_size, n)
    with Progress(label, n, start=finished, unit=unit, counted=f"{unit}s") as progress:
        for start, path in zip(starts, paths, strict=True):
            if not path.is_file():
                arrays.write_array(path, make(np.arange(start, start + chunk_size)))
            progress.update(min(start + chunk_size, n))
    return paths


def joined(paths: list[Path], n: int) -> np.ndarray:
    """The first `n` results of the chunks in these files, (n, ...)."""
    return np.concatenate([arrays.read_array(path) for path in paths])[:n]
