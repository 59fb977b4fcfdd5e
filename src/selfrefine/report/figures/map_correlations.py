"""Figure of the maps that are compared with the flaw map: what they look like, and how alike they are (method 11.2)."""

import math
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from selfrefine.core.names import MEAN
from selfrefine.report.figures import style
from selfrefine.report.seed_statistics import Line

CELL = 0.95  # inches
COLOURS = "RdBu_r"  # of r
MAP_COLOURS = "magma"
DARK = 0.6  # |r| above which a cell needs light letters
EDGE = 0.47  # half a side of what is drawn in a cell, in cells
LABEL_WIDTH = 15  # letters of a map's name in one line
ABSENT = "0.93"


def mean_maps(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name to mean map, of the arrays of maps.npz."""
    return {name.removeprefix(MEAN): array for name, array in arrays.items() if name.startswith(MEAN)}


def correlation_figure(
    correlations: Sequence[Line], maps: Mapping[str, np.ndarray], titles: Mapping[str, str], caption: str
) -> Figure:
    """The mean maps on the diagonal, below it r of each pair with its interval.

    Args:
        correlations: of evaluate_maps, one data set, model and seed: each pair of maps once.
        maps: name to mean map, (H, H), in the order in which they are shown; at least two.
        titles: of the maps.
        caption: scale and seed.
    """
    names, count = list(maps), len(maps)
    size = (max(style.NARROWEST, count * CELL + 2.5), count * CELL + 1.4)
    figure = Figure(figsize=size, layout="constrained")
    style.headed(figure, "Is it a map of flaws? Mean maps and their correlations")
    ax = figure.subplots()
    found = {frozenset((line["one"], line["other"])): line for line in correlations}
    for row, name in enumerate(names):
        _draw_map(ax, row, maps[name])
        for column in range(row):
            _draw_r(ax, row, column, found.get(frozenset((name, names[column]))))
    words = [textwrap.fill(titles.get(name, name), LABEL_WIDTH, break_long_words=False) for name in names]
    ax.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5), aspect="equal")
    ax.set_yticks(range(count), words)
    ax.set_xticks(range(count - 1), words[:-1], fontsize=7.5)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    bar = ax.inset_axes((1.0 - 2.2 / count, 0.955, 2.1 / count, 0.022))
    figure.colorbar(ScalarMappable(Normalize(-1.0, 1.0), COLOURS), cax=bar, orientation="horizontal", label="r")
    message = (
        "Means over generated images of the base model, or over training images; each from its least to its greatest "
        "value. r over pixels, in brackets 95 % over images."
    )
    return style.captioned(figure, f"{message} {caption}")


def _draw_map(ax: Axes, place: int, some_map: np.ndarray) -> None:
    """A map on the diagonal, its strength beside it."""
    spread = float(np.ptp(some_map))
    colours = mpl.colormaps[MAP_COLOURS]((some_map - some_map.min()) / (spread or 1.0))
    if not spread:
        colours[..., :3] = float(ABSENT)
    ends = (place - EDGE, place + EDGE, place + EDGE, place - EDGE)
    ax.imshow(colours, extent=ends, interpolation="nearest")
    message = f"mean {some_map.mean():.2f}\nstd {some_map.std():.2f}"
    ax.text(place + 0.55, place, message, ha="left", va="center", fontsize=7.5, color=style.GREY)


def _draw_r(ax: Axes, row: int, column: int, line: Line | None) -> None:
    """A cell with r and its interval; grey for a constant map, which has none."""
    known = line is not None and math.isfinite(line["r"])
    colour = mpl.colormaps[COLOURS]((line["r"] + 1.0) / 2.0) if line is not None and known else ABSENT
    ax.add_patch(Rectangle((column - EDGE, row - EDGE), 2 * EDGE, 2 * EDGE, facecolor=colour, linewidth=0.0))
    if line is None or not known:
        ax.text(column, row, "none", ha="center", va="center", color=style.GREY, fontsize=8.0)
        return
    letters = "white" if abs(line["r"]) > DARK else "black"
    message = f"{round(line['r'], 2) + 0.0:+.2f}"  # no negative zero
    ax.text(column, row - 0.08, message, ha="center", va="center", color=letters, fontsize=11.0)
    if math.isfinite(line["low"]):
        interval = f"[{line['low']:.2f}, {line['high']:.2f}]"
        ax.text(column, row + 0.26, interval, ha="center", va="center", color=letters, fontsize=6.5)
