"""Figures 4 and 5: samples of every variant on every data set, and of every model family, under photographs."""

from collections.abc import Collection, Mapping

import numpy as np
from matplotlib.figure import Figure

from selfrefine.core.errors import InputError
from selfrefine.report.figures import style

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
    told = "Each column of a data set starts from the same noise."
    return _figure(blocks, "Samples of every variant", told, caption)


def families_figure(blocks: Mapping[str, Mapping[str, np.ndarray]], caption: str) -> Figure:
    """Figure 5: photographs of the first data set, then a block for each model family, trained on it.

    Args:
        blocks: as for `samples_figure`: title of the data set -> PHOTOGRAPHS -> images, then title of each family ->
            titles of its two variants -> images.
        caption: scale and seed.

    Raises:
        InputError: rows of different n.
    """
    told = "Each column of a family starts from the same noise."
    return _figure(blocks, "Samples of every model family", told, caption)


def _figure(blocks: Mapping[str, Mapping[str, np.ndarray]], heading: str, columns: str, caption: str) -> Figure:
    """Blocks below each other; `columns` says what the images of a column share."""
    counts = {len(images) for rows in blocks.values() for images in rows.values()}
    if len(counts) != 1:
        raise InputError(
            f"params.yaml: make_figures.n_images asks for more images than all rows have: "
            f"{' and '.join(map(str, sorted(counts)))}; allowed: at most {min(counts)}"
        )
    (count,) = counts
    # A gap is a row of the grid, not a taller photograph: equal heights keep the columns below each other.
    heights = [height for rows in blocks.values() for title in rows for height in _heights(title, rows)]
    width = max(style.NARROWEST, style.LABEL + count * CELL + 0.4)
    figure = Figure(figsize=(width, sum(heights) + len(blocks) * HEADING + 0.8))
    figure.set_layout_engine("constrained", hspace=0.0, h_pad=0.02)
    style.headed(figure, heading)
    grid, row = figure.add_gridspec(len(heights), 1, height_ratios=heights), 0
    for block, rows in blocks.items():
        first = next(iter(rows))
        for title, images in rows.items():
            ax = figure.add_subplot(grid[row])
            row += len(_heights(title, rows))
            colour = style.GREY if title == PHOTOGRAPHS else style.COLOURS[0]
            style.draw_strip(ax, images / 255.0, title, colour)
            if title == first:
                style.number_columns(ax, [str(number) for number in range(count)], images.shape[2])
                ax.set_title(f"\n{block}", loc="left", fontweight="bold")  # an empty line under the block above
    return style.captioned(figure, f"{_told(blocks, count, columns)} {caption}")


def _heights(title: str, rows: Collection[str]) -> list[float]:
    """Inches of a row and of what stands empty between it and the next row of its block."""
    return [CELL, GAP] if title == PHOTOGRAPHS and len(rows) > 1 else [CELL]


def _told(blocks: Mapping[str, Mapping[str, np.ndarray]], count: int, columns: str) -> str:
    words = f"Images 0 to {count - 1}, not picked. {columns}"
    if any(PHOTOGRAPHS in rows for rows in blocks.values()):
        words += f" {PHOTOGRAPHS}: images 0 to {count - 1} of the test split; no sample belongs to the one above it."
    return words
