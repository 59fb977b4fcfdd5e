"""Figures 4 and 5: samples of every variant on every data set, and of every model family, under photographs."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from selfrefine.core.errors import InputError
from selfrefine.report.figures.style import COLOURS, GREY, Strip, strips_figure

PHOTOGRAPHS = "Photographs"  # title of the row of real test images
CELL = 0.62  # inches of one image
GAP = 0.1  # inches under the photographs
HEADING = 0.5  # inches over a block


def samples_figure(blocks: Mapping[str, Mapping[str, np.ndarray]], caption: str) -> Figure:
    """Figure 4: one block for each data set: photographs, then a row for each variant.

    Args:
        blocks: title of a data set -> title of a row -> its images, (n, H, W, 3) uint8; the columns of a block share
            their noise. The row PHOTOGRAPHS holds the first test images; it may be missing. All rows have the same n;
            H and W may differ between data sets.
        caption: scale and seed.

    Raises:
        InputError: rows of different n.
    """
    message = "Each column of a data set starts from the same noise."
    return _figure(blocks, "Samples of every variant", message, caption)


def families_figure(blocks: Mapping[str, Mapping[str, np.ndarray]], caption: str) -> Figure:
    """Figure 5: photographs of the first data set, then a block for each model family, trained on it.

    Args:
        blocks: as for `samples_figure`: title of the data set -> PHOTOGRAPHS -> images, then title of each family ->
            titles of its two variants -> images.
        caption: scale and seed.

    Raises:
        InputError: rows of different n.
    """
    message = "Each column of a family starts from the same noise."
    return _figure(blocks, "Samples of every model family", message, caption)


def _figure(blocks: Mapping[str, Mapping[str, np.ndarray]], heading: str, columns: str, caption: str) -> Figure:
    """Blocks below each other; `columns` says what the images of a column share."""
    counts = {len(images) for rows in blocks.values() for images in rows.values()}
    if len(counts) != 1:
        raise InputError(
            f"params.yaml: make_figures.n_images asks for more images than all rows have: "
            f"{' and '.join(map(str, sorted(counts)))}; allowed: at most {min(counts)}"
        )
    (count,) = counts
    strips = [
        Strip(
            title,
            images,
            GREY if title == PHOTOGRAPHS else COLOURS[0],
            columns=[str(number) for number in range(count)] if number_of_row == 0 else (),
            block=block if number_of_row == 0 else "",
            gap=GAP if title == PHOTOGRAPHS and len(rows) > 1 else 0.0,
        )
        for block, rows in blocks.items()
        for number_of_row, (title, images) in enumerate(rows.items())
    ]
    return strips_figure(
        heading, strips, CELL, len(blocks) * HEADING + 0.8, f"{_shown(blocks, count, columns)} {caption}"
    )


def _shown(blocks: Mapping[str, Mapping[str, np.ndarray]], count: int, columns: str) -> str:
    words = f"Images 0 to {count - 1}, not picked. {columns}"
    if any(PHOTOGRAPHS in rows for rows in blocks.values()):
        words += f" {PHOTOGRAPHS}: images 0 to {count - 1} of the test split; no sample belongs to the one above it."
    return words
