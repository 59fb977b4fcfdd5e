"""What all figures share: their look, the colours of the variants, strips of images, captions; and Figure 8.

Under each figure stands what it shows, at which scale and with which seed.
"""

import textwrap
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, FigureBase

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that the bytes are the same everywhere
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


def captioned(figure: Figure, caption: str) -> Figure:
    """Puts the caption under a figure, broken to its width."""
    lines = textwrap.fill(caption, width=int(figure.get_figwidth() * 17), break_on_hyphens=False)
    figure.supxlabel(lines, x=0.01, ha="left", fontsize=7.5, color=GREY)
    return figure


def only_words(caption: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    return captioned(Figure(figsize=(NARROWEST, 1.0), layout="constrained"), caption)


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
    ax.set_xticks(centres, labels, color=GREY, fontsize=7.5)
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
