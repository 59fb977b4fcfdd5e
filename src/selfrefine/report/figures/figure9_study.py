"""Figure 9: images, the cells that people picked, and the flaw map's cells with its three highest (method 12)."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from selfrefine.report.figures import style
from selfrefine.report.figures.figure8_flaw_maps import FLAW_COLOURS
from selfrefine.report.figures.planted_flaws import OUTLINE, UNDER

HIGHEST = 3  # cells of a map that count (paper, Fig. 9)
PICKS_COLOURS = "magma"
TRIALS = "What people will be asked about, and where the map is highest"
INSET = 0.05  # of a cell, so that a border at the edge of an image is seen whole
NOBODY = "No participants yet."


def study_figure(
    images: np.ndarray, cells: np.ndarray, rates: np.ndarray | None, caption: str, n_participants: int = 0
) -> Figure:
    """Generated images, how many people picked each cell, and where the flaw map is highest.

    Args:
        images: (n, H, W, 3) uint8.
        cells: (n, grid, grid), those of their flaw maps; the three highest are outlined, equal ones dashed.
        rates: (n, grid, grid) in [0, 1], the share of people who picked each cell; None without participants.
        caption: scale and seed.
        n_participants: behind `rates`.
    """
    count, sides = len(images), (images.shape[2], images.shape[1])
    width = max(style.NARROWEST, style.LABEL + count * style.CELL)
    n_rows = 2 if rates is None else 3
    figure = Figure(figsize=(width, n_rows * style.CELL + 1.2), layout="constrained")
    style.headed(figure, "Where people see flaws, and where the map does" if n_rows == 3 else TRIALS)
    axes = figure.subplots(n_rows, count, squeeze=False)
    extent = (0.0, float(sides[0]), float(sides[1]), 0.0)  # in the pixels of the image
    drawn = []
    for column in range(count):
        axes[0, column].imshow(images[column], interpolation="nearest", extent=extent)
        axes[0, column].set_title(str(column), color=style.GREY, fontsize=style.SMALL)
        if rates is not None:
            heat = {"cmap": PICKS_COLOURS, "vmin": 0.0, "vmax": 1.0, "extent": extent, "interpolation": "nearest"}
            drawn.append(axes[1, column].imshow(rates[column], **heat))
        heat = {"cmap": FLAW_COLOURS, "vmin": 0.0, "vmax": 1.0, "extent": extent, "interpolation": "nearest"}
        drawn.append(axes[-1, column].imshow(cells[column], **heat))
        for ax in axes[:, column]:
            _outlined(ax, cells[column], sides)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    titles = ["Image", *(["People's picks"] if rates is not None else []), "Flaw map,\nits cells"]
    for ax, title in zip(axes[:, 0], titles, strict=True):
        ax.set_ylabel(title, rotation=0, ha="right", va="center")
    labels = [*([f"share of {n_participants} people"] if rates is not None else []), "evidence"]
    for row, label in enumerate(labels, start=1):
        bar = drawn[row - 1] if rates is not None else drawn[-1]
        figure.colorbar(bar, ax=list(axes[row]), label=label, pad=0.01, aspect=8)
    grid = cells.shape[1]
    cell_words = f"the {HIGHEST} highest of {grid} x {grid} cells"
    message = f"Unseen by every highlighter. Outlined: {cell_words}, dashed where equal ones leave a choice."
    return style.captioned(figure, f"{message}{'' if rates is not None else f' {NOBODY}'} {caption}")


def highest(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cells (grid, grid) of a map that are surely among its HIGHEST, and equal ones that are left to choose from.

    Two boolean arrays of its shape.
    """
    last = np.sort(cells.ravel())[-HIGHEST]
    sure, equal = cells > last, cells == last
    return (sure | equal, equal & False) if int(sure.sum() + equal.sum()) == HIGHEST else (sure, equal)


def _outlined(ax: Axes, cells: np.ndarray, sides: tuple[int, int]) -> None:
    """Draws the borders of a map's highest cells; none of a map that is the same everywhere."""
    if np.ptp(cells) == 0.0:
        return
    wide, high = sides[0] / cells.shape[1], sides[1] / cells.shape[0]
    for chosen, line in zip(highest(cells), (style.SOLID, style.DASHED), strict=True):
        for row, column in np.argwhere(chosen):
            for colour, thick in ((UNDER, 2.4), (OUTLINE, 1.2)):
                corner = (column + INSET) * wide, (row + INSET) * high
                size = (1.0 - 2.0 * INSET) * wide, (1.0 - 2.0 * INSET) * high
                look: dict[str, Any] = {"edgecolor": colour, "linewidth": thick, "linestyle": line}
                ax.add_patch(Rectangle(corner, *size, fill=False, **look))
