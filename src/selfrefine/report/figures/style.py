"""What all figures share: their look, the colours of the variants, rows of images, headings, captions, colour bars.

Under each figure stands what it shows, at which scale and with which seed.
"""

import math
import textwrap
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, FigureBase, SubFigure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, StrMethodFormatter

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that the bytes are the same everywhere
    "text.parse_math": False,  # a title of the user's with $ is shown as it is
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "0.92",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "figure.dpi": 150.0,
}
COLOURS = (  # the seven of Okabe and Ito without their yellow, then five that lie no closer
    *("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    *("#882255", "#808000", "#7b3ff2", "#f0027f", "#8fce3c"),
)
SOLID, DASHED, DOTTED, DASH_DOTTED = "-", (0, (4.0, 1.4)), (0, (1.0, 1.2)), (0, (4.0, 1.4, 1.0, 1.4))
GREY = "0.35"
LEGEND: dict[str, float] = {"handlelength": 2.2, "columnspacing": 1.2}
CELL = 0.85  # inches of one image
LABEL = 1.2  # inches left of a row
LABEL_WIDTH = 22  # characters of a row's label before it is broken
NARROWEST = 5.5  # inches of a figure, for its caption
PAGE = 7.6  # inches of a figure of curves: on a page of 900 px its letters are as large as the page's own
LINEAR = 0.1  # differences of log FD up to which an axis is linear: one large arm must not squeeze all others
LOGARITHMIC = f"Axes are logarithmic beyond \N{PLUS-MINUS SIGN}{LINEAR:g}."
SMALL = 7.5  # points of captions, legends and labels of rows
LEGEND_LINE = 0.15  # inches
TICKS = (0.05, 0.1, 0.3, 1.0, 3.0)  # of such an axis, of either sign


def style() -> AbstractContextManager[None]:
    """The look of all figures, whatever the user's matplotlibrc says: build and write figures inside."""
    context: AbstractContextManager[None] = matplotlib.style.context(["default", STYLE])
    return context


def looks(titles: Iterable[str], controls: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Colour and line of each variant, the same in every figure that gets the same titles.

    Args:
        titles: of all variants, in their order.
        controls: those that are drawn dashed; all others are solid. From the thirteenth on, dots tell equal colours
            apart.

    Returns:
        Title -> `color` and `linestyle`, for matplotlib.
    """
    found: dict[str, dict[str, Any]] = {}
    for number, title in enumerate(titles):
        lines = (DASHED, DASH_DOTTED) if title in controls else (SOLID, DOTTED)
        found[title] = {"color": COLOURS[number % len(COLOURS)], "linestyle": lines[number >= len(COLOURS)]}
    return found


def headed(figure: FigureBase, title: str) -> None:
    """Puts the title over a figure."""
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")


def head_panels(ax: Axes, words: str, **look: Any) -> None:
    """A heading that begins over the first panel of a row and may go on over the next, which it moves not aside."""
    ax.set_title(" ", loc="left")  # keeps the height free
    place: dict[str, Any] = {"xycoords": "axes fraction", "xytext": (0.0, 5.0), "textcoords": "offset points"}
    ax.annotate(words, (0.0, 1.0), **{"fontweight": "bold", **place, **look}).set_in_layout(False)


def above_legend(figure: Figure, handles: Sequence[Artist], columns: int) -> SubFigure:
    """The room for the panels of a figure, over a legend in some columns; the caption comes below both."""
    high = LEGEND_LINE * (math.ceil(len(handles) / columns) + 1)
    ratios = (figure.get_figheight() - high, high)
    body, below = figure.subfigures(2, 1, squeeze=False, height_ratios=ratios)[:, 0]
    below.legend(handles=handles, loc="center left", ncols=columns, fontsize=SMALL, borderpad=0.2, **LEGEND)
    return body  # type: ignore[no-any-return]


def captioned(figure: Figure, caption: str) -> Figure:
    """Puts the caption under a figure, broken to its width."""
    lines = textwrap.fill(caption, width=int(figure.get_figwidth() * 17), break_on_hyphens=False)
    figure.supxlabel(lines, x=0.01, ha="left", fontsize=SMALL, color=GREY)
    return figure


def run_words(experiment: str, n_seeds: pd.Series) -> str:
    """Experiment and seeds of what is drawn; steps and images stand on the pages of the tables."""
    fewest, most = int(n_seeds.min()), int(n_seeds.max())
    seeds = f"{fewest} to {most}" if fewest < most else str(most)
    return f"Experiment {experiment}, {seeds} seed{'s' if most > 1 else ''}."


def linear_near_zero(ax: Axes, direction: str) -> None:
    """Makes the axis of differences "x" or "y", of all panels that share it, linear up to LINEAR, logarithmic beyond.

    What is drawn must be drawn before; an axis that ends within LINEAR keeps its own ticks.
    """
    axis = {"x": ax.xaxis, "y": ax.yaxis}[direction]
    low, high = axis.get_view_interval()
    if max(-low, high) <= LINEAR:
        axis.set_major_locator(MaxNLocator(4))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        return
    getattr(ax, f"set_{direction}scale")("symlog", linthresh=LINEAR)
    ticks = [0.0, *(sign * tick for tick in TICKS for sign in (-1.0, 1.0))]
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())


def only_words(caption: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    return captioned(Figure(figsize=(NARROWEST, 1.0), layout="constrained"), caption)


class Strip(NamedTuple):
    """A row of images in a figure: its title, images (n, H, W, 3) uint8 or in [0, 1], and what stands above them."""

    title: str
    images: np.ndarray
    colour: str = COLOURS[0]
    columns: Sequence[str] = ()  # above the images
    block: str = ""  # above the columns: the first row of a block
    gap: float = 0.0  # inches left empty below


def strips_figure(heading: str, strips: Sequence[Strip], cell: float, above: float, caption: str) -> Figure:
    """Rows of images below each other, their columns aligned.

    Args:
        heading: of the figure.
        strips: rows of equally many images.
        cell: inches of one image.
        above: inches for all that stands above and below rows.
        caption: what is shown.
    """
    # A gap is a row of the grid, not a taller image: equal heights keep the columns below each other.
    heights = [height for strip in strips for height in ((cell, strip.gap) if strip.gap else (cell,))]
    width = max(NARROWEST, LABEL + len(strips[0].images) * cell + 0.4)
    figure = Figure(figsize=(width, sum(heights) + above))
    figure.set_layout_engine("constrained", hspace=0.0, h_pad=0.02)
    headed(figure, heading)
    grid, row = figure.add_gridspec(len(heights), 1, height_ratios=heights), 0
    for strip in strips:
        ax = figure.add_subplot(grid[row])
        row += 2 if strip.gap else 1
        images = strip.images / 255.0 if strip.images.dtype == np.uint8 else strip.images
        draw_strip(ax, images, strip.title, strip.colour)
        if strip.columns:
            number_columns(ax, strip.columns, images.shape[2])
        if strip.block:
            ax.set_title(f"\n{strip.block}", loc="left", fontweight="bold")  # an empty line under the block above
    return captioned(figure, caption)


def draw_strip(ax: Axes, images: np.ndarray, title: str, colour: str = COLOURS[0]) -> None:
    """Draws images side by side, their pixels unsmoothed.

    Args:
        ax: where.
        images: (n, H, W, 3) in [0, 1].
        title: on the left.
        colour: of the title.
    """
    gap = np.ones((images.shape[1], _gap(images.shape[2]), 3))
    parts = [part for image in images for part in (image, gap)][:-1]
    ax.imshow(np.concatenate(parts, axis=1), interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_anchor("W")
    label = textwrap.fill(title, LABEL_WIDTH, break_long_words=False)
    ax.set_ylabel(label, rotation=0, ha="right", va="center", color=colour)


def number_columns(ax: Axes, labels: Sequence[str], size: int) -> None:
    """Puts labels above the images of a strip; `size` is the width of an image in pixels."""
    centres = [(size - 1) / 2 + number * (size + _gap(size)) for number in range(len(labels))]
    ax.set_xticks(centres, labels, color=GREY, fontsize=SMALL)
    ax.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)


def colour_bar(
    figure: FigureBase, axes: Sequence[Axes], colours: str, ends: tuple[float, float], label: str, **place: Any
) -> None:
    """A colour bar from one end to the other beside some rows; `place` as in matplotlib."""
    scale = ScalarMappable(Normalize(*ends), colours)
    figure.colorbar(scale, ax=list(axes), label=label, **{"pad": 0.01, "aspect": 25, "panchor": False, **place})


def _gap(size: int) -> int:
    """Pixels between two images of a strip."""
    return max(1, size // 16)
