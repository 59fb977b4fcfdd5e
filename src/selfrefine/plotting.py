"""The figures: what is drawn and how it looks. Under each stands what it shows, at which scale and with which seed."""

import textwrap
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

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
COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito
GREY = "0.35"
LEGEND: dict[str, float] = {"handlelength": 1.2, "columnspacing": 1.2}
FLAW_COLOURS = "jet"  # as in the paper (method 5.7)
IMAGE_SHARE = 0.6  # of an overlay, the rest is the map (method 5.7)
MEAN_COLOURS = "magma"
CELL = 0.85  # inches of one image
LABEL = 1.2  # inches left of a row
NARROWEST = 5.5  # inches of a figure, for its caption
MOST_MAPS = 8  # maps that are still readable in a row
SMOOTHED_SHARE = 0.1  # of the base phase that one point of a smoothed line averages


def style() -> AbstractContextManager[None]:
    """The look of all figures, whatever the user's matplotlibrc says: build and write figures inside."""
    context: AbstractContextManager[None] = matplotlib.style.context(["default", STYLE])
    return context


def samples_figure(samples: Mapping[str, np.ndarray], caption: str) -> Figure:
    """Figure 4: the first images of each variant, from the same noise.

    Args:
        samples: title of a variant to its images, (n, H, W, 3) uint8; equal n.
        caption: scale and seed.
    """
    count, size = (next(iter(samples.values())).shape[axis] for axis in (0, 1))
    figure, axes = _rows(count, [CELL] * len(samples), "Samples of every variant")
    for ax, (title, images) in zip(axes, samples.items(), strict=True):
        _draw_strip(ax, images / 255.0, title)
    _number_columns(axes[0], [str(number) for number in range(count)], size)
    told = f"Images 0 to {count - 1}, not picked. Each column starts from the same noise."
    return captioned(figure, f"{told} {caption}")


def flaw_maps_figure(
    images: np.ndarray, maps: np.ndarray, caption: str, origin: str = "of the base model in the highlighter's test part"
) -> Figure:
    """Figure 8: generated images, their flaw maps, and both laid over each other (method 5.7).

    Args:
        images: (n, H, W, 3) uint8.
        maps: (n, S, S) in [0, 1].
        caption: scale and seed.
        origin: which images.
    """
    heat = mpl.colormaps[FLAW_COLOURS](maps)[..., :3]
    shown = _enlarged(images / 255.0, maps.shape[1])
    overlay = IMAGE_SHARE * shown + (1.0 - IMAGE_SHARE) * heat
    figure, axes = _rows(len(images), [CELL] * 3, "Flaw maps of generated images")
    for ax, (title, strip) in zip(axes, {"Image": shown, "Flaw map": heat, "Overlay": overlay}.items(), strict=True):
        _draw_strip(ax, strip, title)
    _colour_bar(figure, axes, FLAW_COLOURS, 1.0, "evidence of generation")
    told = (
        f"The first {len(images)} images {origin}, not picked; Grad-CAM of the highlighter's fake class, each map "
        f"scaled to [0, 1]; overlay {IMAGE_SHARE:g} image + {1.0 - IMAGE_SHARE:g} map."
    )
    return captioned(figure, f"{told} {caption}")


def refreshes_figure(maps: Mapping[str, np.ndarray], refreshes: Mapping[str, pd.DataFrame], caption: str) -> Figure:
    """The mFAM of each variant over its refreshes, and its mean and standard deviation.

    Args:
        maps: title of a variant to its maps, (K, S, S) in [0, 1]; those with K = 0 use none and are left out.
        refreshes: title of a variant to its steps, means and standard deviations, K rows.
        caption: scale and seed.
    """
    used = {title: values for title, values in maps.items() if len(values)}
    if not used:
        figure = Figure(figsize=(NARROWEST, 1.0), layout="constrained")
        return captioned(figure, f"No selected variant uses a guidance map. {caption}")
    count = min(MOST_MAPS, max(len(values) for values in used.values()))
    highest = max(float(values.max()) for values in used.values()) or 1.0  # else all are black
    figure, axes = _rows(count, [CELL + 0.2] * len(used) + [2 * CELL], "Mean flaw map over the refreshes")
    for ax, (title, values) in zip(axes[:-1], used.items(), strict=True):
        chosen = np.unique(np.linspace(0, len(values) - 1, count).round().astype(int))
        _draw_strip(ax, mpl.colormaps[MEAN_COLOURS](values[chosen] / highest)[..., :3], title)
        first, *later = refreshes[title]["step"].iloc[chosen]
        _number_columns(ax, [f"step {first}", *map(str, later)], values.shape[1])
    _colour_bar(figure, axes[:-1], MEAN_COLOURS, highest, "mean flaw map M")
    for colour, title in zip(_colours(maps), maps, strict=True):
        table = refreshes[title]
        if title in used:
            axes[-1].plot(table["step"], table["mean"], color=colour, label=title, marker="o", markersize=3)
            axes[-1].plot(table["step"], table["std"], color=colour, linestyle=":", marker="o", markersize=3)
    axes[-1].set(
        xlabel="step", ylabel="over pixels of M:\nmean (line), std (dots)", ylim=(0.0, 1.1 * axes[-1].get_ylim()[1])
    )
    axes[-1].grid(visible=True)
    axes[-1].legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=5, **LEGEND)
    told = "M is the mean of the flaw maps of images sampled from the EMA weights before the step above it."
    return captioned(figure, f"{told} {caption}")


def loss_figure(base: pd.DataFrame, refined: Mapping[str, pd.DataFrame], caption: str) -> Figure:
    """Loss of the base phase and of each variant's refinement, and how far the variants' losses lie apart.

    Args:
        base: columns step and loss.
        refined: title of a variant to the same columns; the first is the one that the others are compared with.
        caption: scale and seed.
    """
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    whole, apart = figure.subplots(1, 2, width_ratios=(1.5, 1.0))
    window = max(1, round(SMOOTHED_SHARE * len(base)))
    _draw_curve(whole, base, base["loss"], window, GREY, "Base")
    reference = next(iter(refined))
    for colour, (title, curve) in zip(_colours(refined), refined.items(), strict=True):
        joined = pd.concat([base, curve], ignore_index=True)
        _draw_curve(whole, joined, joined["loss"], window, colour, title, first=len(base))
        if title != reference:
            difference = curve["loss"] - refined[reference]["loss"]
            _draw_curve(apart, curve, difference, window, colour, title)
    fork = float(base["step"].iloc[-1])
    for ax in (whole, apart):
        ax.axvline(fork, color=GREY, linewidth=1.0, linestyle="--")
        ax.grid(visible=True)
        ax.set_xlabel("step")
    whole.annotate(
        "fork", (fork, 0.97), xycoords=("data", "axes fraction"), ha="right", rotation=90, va="top", color=GREY
    )
    whole.set(yscale="log", title="Loss")
    whole.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    whole.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    whole.yaxis.set_minor_locator(NullLocator())
    figure.legend(*whole.get_legend_handles_labels(), loc="outside right upper", **LEGEND)
    apart.axhline(0.0, color=COLOURS[0], linewidth=1.0)
    apart.set_title(f"Loss minus that of {reference}")
    apart.ticklabel_format(axis="y", scilimits=(-2, 2))
    figure.suptitle("Loss of the base phase and of the refinements", x=0.01, ha="left", fontweight="bold")
    told = (
        "Pale: as logged; dark: smoothed. All variants see the same images, times and noise; a variant changes what "
        "its loss measures, so lower is not better."
    )
    return captioned(figure, f"{told} {caption}")


def _draw_curve(
    ax: Axes, table: pd.DataFrame, values: pd.Series, window: int, colour: str, label: str, first: int = 0
) -> None:
    """A pale raw curve and its centred running mean, from row `first` on; earlier rows only enter the mean."""
    smoothed = values.rolling(window, center=True, min_periods=1).mean()
    ax.plot(table["step"][first:], values[first:], color=colour, alpha=0.25, linewidth=1.0)
    ax.plot(table["step"][first:], smoothed[first:], color=colour, label=label)


def _rows(columns: int, heights: Sequence[float], title: str) -> tuple[Figure, list[Axes]]:
    """A titled figure of rows of `columns` cells, with the rows' heights in inches."""
    figure = Figure(figsize=(max(NARROWEST, LABEL + columns * CELL), sum(heights) + 0.9), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=list(heights))
    return figure, list(axes[:, 0])


def _gap(size: int) -> int:
    """Pixels between two images of a strip."""
    return max(1, size // 16)


def _draw_strip(ax: Axes, images: np.ndarray, title: str) -> None:
    """Images (n, H, W, 3) in [0, 1] side by side, their pixels unsmoothed, with a title on the left."""
    gap = np.ones((images.shape[1], _gap(images.shape[2]), 3))
    parts = [part for image in images for part in (image, gap)][:-1]
    ax.imshow(np.concatenate(parts, axis=1), interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_anchor("W")
    ax.set_ylabel(title, rotation=0, ha="right", va="center")


def _number_columns(ax: Axes, labels: Sequence[str], size: int) -> None:
    """Labels above the images of a strip."""
    centres = [(size - 1) / 2 + number * (size + _gap(size)) for number in range(len(labels))]
    ax.set_xticks(centres, labels, color=GREY, fontsize=7.5)
    ax.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)


def _colour_bar(figure: Figure, axes: Sequence[Axes], colours: str, highest: float, label: str) -> None:
    """A colour bar from 0 to `highest` beside some rows."""
    scale = ScalarMappable(Normalize(0.0, highest), colours)
    figure.colorbar(scale, ax=list(axes), label=label, pad=0.01, aspect=25, panchor=False)


def _enlarged(images: np.ndarray, size: int) -> np.ndarray:
    """(n, H, W, 3) to (n, size, size, 3) by nearest neighbour."""
    rows, columns = (np.arange(size) * images.shape[axis] // size for axis in (1, 2))
    return images[:, rows][:, :, columns]


def _colours(titles: Mapping[str, Any]) -> list[str]:
    """A colour for each variant, the same in every figure."""
    return [COLOURS[number % len(COLOURS)] for number in range(len(titles))]


def captioned(figure: Figure, caption: str) -> Figure:
    """Puts the caption under a figure, broken to its width."""
    lines = textwrap.fill(caption, width=int(figure.get_figwidth() * 17), break_on_hyphens=False)
    figure.supxlabel(lines, x=0.01, ha="left", fontsize=7.5, color=GREY)
    return figure
