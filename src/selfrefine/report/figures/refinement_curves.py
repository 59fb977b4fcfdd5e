"""What happens in the refinement phase: the maps over its refreshes, and the loss curves of both phases."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, StrMethodFormatter

from selfrefine.report.figures import style
from selfrefine.report.figures.style import GREY

MAP_COLOURS = "magma"
CELL = 0.42  # inches of one map
CURVES = 2.9  # inches of the curves beside the maps
NAME_LINE = 0.135  # inches of a variant's name below the curves
LOWEST = 3.6  # inches of a figure with curves
MOST_MAPS = 8  # maps that are still readable in a row
WIDEST, THINNEST = 4.2, 1.1  # points: curves that lie upon each other all show
SMOOTHED_SHARE = 0.1  # of the base phase that one point of a smoothed line averages
PANELS = 4.2  # inches of the loss curves with all around them but the names
NAMES_A_LINE = 3
WILD = 4.0  # times the middle curve: above it the axis of differences is no longer linear all the way
MOST_PALE = 4  # variants whose loss as logged is still readable behind the smoothed lines


def refreshes_figure(
    maps: Mapping[str, np.ndarray],
    refreshes: Mapping[str, pd.DataFrame],
    caption: str,
    controls: Collection[str] = (),
) -> Figure:
    """The map of each variant over its refreshes, and its mean and standard deviation.

    Args:
        maps: title of a variant to its kept maps, (k, S, S), in [0, 1] but for the centred ones; those with k = 0 use
            none and are left out.
        refreshes: title of a variant to steps, means and standard deviations of all its maps, k of them `kept`.
        caption: scale and seed.
        controls: titles of the variants that are controls: dashed.
    """
    used = {title: values for title, values in maps.items() if len(values)}
    if not used:
        return style.only_words(f"No selected variant uses a guidance map. {caption}")
    looks = style.looks(maps, controls)
    count = min(MOST_MAPS, max(len(values) for values in used.values()))
    strips = style.LABEL + count * CELL + 0.5
    height = max(LOWEST + NAME_LINE * len(used), len(used) * (CELL + 0.08) + 1.2)
    figure = Figure(figsize=(strips + CURVES, height), layout="constrained")
    style.headed(figure, "The map of every variant over its refreshes")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(strips, CURVES))[0]
    _draw_maps(left, used, refreshes, count, looks)
    _draw_statistics(right, {title: refreshes[title] for title in used}, looks)
    message = f"M: the map from the step above it on; mean and std over its pixels.{_dashed(controls)}"
    return style.captioned(figure, f"{message} {caption}")


def _dashed(controls: Collection[str]) -> str:
    return " Dashed: controls." if controls else ""


def _draw_maps(
    figure: SubFigure,
    maps: Mapping[str, np.ndarray],
    refreshes: Mapping[str, pd.DataFrame],
    count: int,
    looks: Mapping[str, dict[str, Any]],
) -> None:
    """A strip for each variant, all on one scale; steps stand above those whose steps differ from the last ones."""
    lowest = min(0.0, *(float(values.min()) for values in maps.values()))
    highest = max(float(values.max()) for values in maps.values())
    spread = (highest - lowest) or 1.0  # else all are black
    axes, last = figure.subplots(len(maps), 1, squeeze=False)[:, 0], [""]
    for ax, (title, values) in zip(axes, maps.items(), strict=True):
        chosen = np.unique(np.linspace(0, len(values) - 1, min(count, len(values))).round().astype(int))
        shown = mpl.colormaps[MAP_COLOURS]((values[chosen] - lowest) / spread)[..., :3]
        style.draw_strip(ax, shown, title, looks[title]["color"])
        table = refreshes[title]
        first, *later = table.loc[table["kept"] == 1, "step"].iloc[chosen]
        steps = [f"step {first}", *map(str, later)]
        if steps != last:
            style.number_columns(ax, steps, values.shape[1])
        last = steps
    ends = (lowest, lowest + spread)
    style.colour_bar(figure, list(axes), MAP_COLOURS, ends, "map M", location="bottom", aspect=30, shrink=0.6)


def _draw_statistics(
    figure: SubFigure, tables: Mapping[str, pd.DataFrame], looks: Mapping[str, dict[str, Any]]
) -> None:
    """Mean and standard deviation over the pixels of M, one above the other."""
    axes = figure.subplots(2, 1, sharex=True)
    widths = np.linspace(WIDEST if len(tables) > 1 else THINNEST, THINNEST, len(tables))
    for ax, column in zip(axes, ("mean", "std"), strict=True):
        for width, (title, table) in zip(widths, tables.items(), strict=True):
            ax.plot(
                table["step"], table[column], label=title, linewidth=width, marker="o", markersize=3, **looks[title]
            )
        ax.set_ylabel(f"{column} of M")
        low, high = ax.get_ylim()
        ax.set_ylim(min(0.0, low), 1.1 * high)
        ax.grid(visible=True)
    axes[-1].set_xlabel("step")
    handles = [Line2D([], [], label=title, **looks[title]) for title in tables]
    figure.legend(handles=handles, loc="outside lower left", fontsize=style.SMALL, labelspacing=0.2, **style.LEGEND)


def loss_figure(
    base: pd.DataFrame, refined: Mapping[str, pd.DataFrame], caption: str, controls: Collection[str] = ()
) -> Figure:
    """Loss of the base phase and of each variant's refinement, and how far the variants' losses lie apart.

    Args:
        base: columns step and loss.
        refined: title of a variant to the same columns; the first is the one that the others are compared with.
        caption: scale and seed.
        controls: titles of the variants that are controls: dashed.
    """
    looks = style.looks(refined, controls)
    names = [Line2D([], [], label=title, **look) for title, look in looks.items()]
    legend = [Line2D([], [], color=GREY, label="Base"), *names]
    high = PANELS + style.LEGEND_LINE * math.ceil(len(legend) / NAMES_A_LINE)
    figure = Figure(figsize=(style.PAGE, high), layout="constrained")
    body = style.above_legend(figure, legend, NAMES_A_LINE)
    whole, apart = body.subplots(1, 2, width_ratios=(1.0, 1.15))
    window, pale = max(1, round(SMOOTHED_SHARE * len(base))), len(refined) <= MOST_PALE
    _draw_curve(whole, base, base["loss"], window, {"color": GREY, "label": "Base"}, pale=True)
    reference = next(iter(refined))
    for title, look in looks.items():
        curve = refined[title]
        joined = pd.concat([base, curve], ignore_index=True)
        labelled = {**look, "label": title}
        _draw_curve(whole, joined, joined["loss"], window, labelled, pale=pale, first=len(base))
        if title != reference:
            _draw_curve(apart, curve, curve["loss"] - refined[reference]["loss"], window, labelled, pale=pale)
    _finish(whole, apart, float(base["step"].iloc[-1]), reference)
    style.headed(figure, "Loss of the base phase and of the refinements")
    drawn = "Pale: as logged; dark: smoothed." if pale else "Smoothed; of the base phase also as logged, pale."
    message = f"{drawn}{_dashed(controls)} A variant changes what its loss measures: lower is not better."
    return style.captioned(figure, f"{message} {caption}")


def _finish(whole: Axes, apart: Axes, fork: float, reference: str) -> None:
    """Axes, grid and the mark of the fork."""
    drawn = list(apart.lines)
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
    apart.axhline(0.0, color=style.COLOURS[0], linewidth=1.0)
    apart.set_title(f"Loss minus that of {reference}")
    _linear_for_most(apart, [np.abs(np.asarray(line.get_ydata(), float)) for line in drawn])


def _linear_for_most(ax: Axes, sizes: Sequence[np.ndarray]) -> None:
    """Makes the axis logarithmic beyond what half of the curves stay within, so that one wild curve hides no other."""
    most = sorted(float(size.max()) for size in sizes)
    middle = most[len(most) // 2] if most else 0.0
    if not middle or most[-1] <= WILD * middle:
        ax.ticklabel_format(axis="y", scilimits=(-2, 2))
        return
    end = 10.0 ** math.ceil(math.log10(middle))
    ax.set_yscale("symlog", linthresh=end)
    ticks = [sign * end * 10.0**power for power in range(6) for sign in (-1.0, 1.0)]
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(FixedLocator([0.0, *(tick for tick in ticks if low <= tick <= high)]))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylabel(f"logarithmic beyond \N{PLUS-MINUS SIGN}{end:g}")


def _draw_curve(
    ax: Axes,
    table: pd.DataFrame,
    values: pd.Series,
    window: int,
    look: Mapping[str, Any],
    *,
    pale: bool,
    first: int = 0,
) -> None:
    """A centred running mean, before a pale raw curve; from row `first` on: earlier rows only enter the mean."""
    smoothed = values.rolling(window, center=True, min_periods=1).mean()
    if pale:
        ax.plot(table["step"][first:], values[first:], color=look["color"], alpha=0.25, linewidth=1.0)
    ax.plot(table["step"][first:], smoothed[first:], **look)
