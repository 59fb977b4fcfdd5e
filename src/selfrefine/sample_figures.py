"""Figure 4: samples of every variant on every data set, under photographs of it."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from selfrefine import plotting
from selfrefine.errors import InputError

PHOTOGRAPHS = "Photographs"  # title of the row of real test images
CELL = 0.62  # inches of one image
GAP = 0.1  # inches under the photographs
HEADING = 0.42  # inches over a block


def samples_figure(blocks: Mapping[str, Mapping[str, np.ndarray]], caption: str) -> Figure:
    """One block for each data set: photographs, then a row for each variant, whose columns share their noise.

    Args:
        blocks: title of a data set -> title of a row -> its images, (n, H, W, 3) uint8. The row PHOTOGRAPHS holds the
            first test images; it may be missing. All rows have the same n; H and W may differ between data sets.
        caption: scale and seed.

    Raises:
        InputError: rows of different n.
    """
    counts = {len(images) for rows in blocks.values() for images in rows.values()}
    if len(counts) != 1:
        raise InputError(
            f"params.yaml: make_figures.n_images asks for more images than all rows have: "
            f"{' and '.join(map(str, sorted(counts)))}; allowed: at most {min(counts)}"
        )
    (count,) = counts
    # A gap is a row of the grid, not a taller photograph: equal heights keep the columns below each other.
    heights = [height for rows in blocks.values() for title in rows for height in _heights(title)]
    width = max(plotting.NARROWEST, plotting.LABEL + count * CELL + 0.4)
    figure = Figure(figsize=(width, sum(heights) + len(blocks) * HEADING + 0.8))
    figure.set_layout_engine("constrained", hspace=0.0, h_pad=0.02)
    plotting.headed(figure, "Samples of every variant")
    grid, row = figure.add_gridspec(len(heights), 1, height_ratios=heights), 0
    for data, rows in blocks.items():
        first = next(iter(rows))
        for title, images in rows.items():
            ax = figure.add_subplot(grid[row])
            row += len(_heights(title))
            colour = plotting.GREY if title == PHOTOGRAPHS else plotting.COLOURS[0]
            plotting.draw_strip(ax, images / 255.0, title, colour)
            if title == first:
                plotting.number_columns(ax, [str(number) for number in range(count)], images.shape[2])
                ax.set_title(f"\n{data}", loc="left", fontweight="bold")  # an empty line under the block above
    return plotting.captioned(figure, f"{_told(blocks, count)} {caption}")


def _heights(title: str) -> list[float]:
    """Inches of a row and of what stands empty below it."""
    return [CELL, GAP] if title == PHOTOGRAPHS else [CELL]


def _told(blocks: Mapping[str, Mapping[str, np.ndarray]], count: int) -> str:
    words = f"Images 0 to {count - 1}, not picked. Each column of a data set starts from the same noise."
    if any(PHOTOGRAPHS in rows for rows in blocks.values()):
        words += f" {PHOTOGRAPHS}: images 0 to {count - 1} of the test split; no sample belongs to the one above it."
    return words
