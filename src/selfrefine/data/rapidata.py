"""Rapidata's text-2-image-Rich-Human-Feedback: Parquet files with an image and the heat map of where people saw flaws.

By its card on the Hugging Face hub (Apache-2.0): `data/train-*.parquet` with columns `image` (a file's bytes), and
`coherence_heatmap`, lists of lists of float16, for artifacts and what makes no sense. Heat maps were only collected of
some images: of the others they are null, and in the set's later editions full of nulls.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from selfrefine.core import files
from selfrefine.core.errors import DamagedError, InputError, one_line
from selfrefine.data.marked_images import PAGE, Layout, Marked

IMAGE, HEAT = "image", "coherence_heatmap"
ROWS = 16  # that are in memory at a time: a heat map may have as many cells as its image has pixels


def _parts(folder: Path) -> dict[str, dict[str, Path]]:
    found = {name: path for name, path in files.visible(folder).items() if name.endswith(".parquet")}
    if not found:
        raise InputError(f"{folder}: no .parquet file in it, as Rapidata has them; {PAGE}")
    return {name: {name: path} for name, path in found.items()}


def _read(found: Mapping[str, Path], _apart: Mapping[str, Path]) -> Iterator[Marked]:
    from pyarrow import ArrowException, parquet  # takes a second, and only this layout needs it

    for path in found.values():
        number = 0
        try:
            shard = parquet.ParquetFile(path)
            if absent := [column for column in (IMAGE, HEAT) if column not in shard.schema_arrow.names]:
                known = ", ".join(shard.schema_arrow.names)
                raise InputError(f"{path}: no column {absent[0]}, as Rapidata has; it has {known}")
            for batch in shard.iter_batches(ROWS, columns=[IMAGE, HEAT]):
                for image, heat in zip(batch.column(IMAGE), batch.column(HEAT), strict=True):
                    yield Marked(str(number), image.as_py()["bytes"], heat_map(heat, f"{path}, row {number}"))
                    number += 1
        except ArrowException as error:
            raise DamagedError(path, f"not a readable Parquet file ({one_line(error)})") from error


def heat_map(cell: Any, where: str) -> np.ndarray | None:
    """The heat map of a row, (h, w) float32; None of an empty one: null, without cells, all null, or 0 everywhere.

    What is 0 everywhere counts as empty, too: people were only asked of images with flaws, so that it says no more of
    the image than that nobody marked it.

    Args:
        cell: a pyarrow scalar of lists of lists of numbers.
        where: what a message begins with.

    Raises:
        InputError: rows of several lengths; numbers below 0; some null or infinite, but not all.
    """
    if not cell.is_valid or not len(cell.values):
        return None
    lengths = {len(row) if row.is_valid else 0 for row in cell.values}
    levels = np.asarray(cell.values.flatten().to_numpy(zero_copy_only=False), np.float32)
    if len(lengths) > 1:
        raise InputError(f"{where}: a heat map with rows of {min(lengths)} to {max(lengths)} cells; one length needed")
    known = np.isfinite(levels)
    if not known.any() or not levels[known].any():
        return None
    if not known.all() or levels.min() < 0.0:
        raise InputError(f"{where}: a heat map with cells that are no number from 0 on; a whole one or none needed")
    return levels.reshape(-1, lengths.pop())


LAYOUT = Layout(_parts, _read)
