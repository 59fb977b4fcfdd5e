"""Forest plot: every difference with its seeds, its two intervals and the range of changes that do not matter."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from selfrefine.metrics.contrasts import CONFIRMATORY
from selfrefine.metrics.frechet import distance_name
from selfrefine.report import seed_statistics
from selfrefine.report.figures import style
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import Line, records

ROW = 0.24  # inches of one difference
LETTER = 0.075  # inches of a letter of a name
LOWEST = 2 * ROW  # inches of a panel
AROUND = 0.45  # inches of a panel's title and ticks
LINE_COLOURS = {True: "#d55e00", False: "#0072b2"}  # confirmatory or not
SHADE = "0.88"


def forest_figure(table: pd.DataFrame, results: Results) -> Figure:
    """One panel for each data set, model and feature network.

    Args:
        table: lines of controls.csv; those without a seed are left out.
        results: its margin of equivalence, in log FD, and titles.
    """
    measured, titles, margin = table[table["n_seeds"] > 0], results.titles, results.judgement.equivalence_margin
    if measured.empty:
        return style.only_words("No two variants are selected that can be compared.")
    networks = list(measured["network"].unique())
    places = seed_statistics.places(measured, "dataset", "model")
    heights = [max(LOWEST, ROW * part["network"].value_counts().max()) for _, part in places]
    height = sum(heights) + AROUND * len(heights) + 1.4
    longest = max(len(_pair(line, titles)) for line in records(measured))
    width = max(4.8, 1.9 + LETTER * longest) + 2.9 * len(networks)
    figure = Figure(figsize=(width, height), layout="constrained")
    style.headed(figure, "Every difference, with its seeds")
    shape = (len(heights), len(networks))
    axes = figure.subplots(*shape, squeeze=False, sharey="row", sharex="col", height_ratios=heights)
    for row, ((dataset, model), of_place) in zip(axes, places, strict=True):
        for (network,), part in seed_statistics.places(of_place, "network"):
            ax = row[networks.index(network)]
            _draw(ax, part, margin, titles)
            ax.set_title(f"{titles[model]} on {titles[dataset]}, {network}")
    for ax, network in zip(axes[-1], networks, strict=True):
        distance = distance_name(network)
        ax.set_xlabel(f"difference of log {distance} to test; below 0: lower {distance}")
    figure.legend(handles=_legend(margin), loc="outside right upper", **style.LEGEND)
    scales = "; ".join(measured["scale"].unique())
    message = (
        "First row of each pair minus second, paired by seed. Thin: 95 % over images, for these very models, where it "
        "was taken (direct contrasts and feature spaces with too few images have none). Thick: 95 % over seeds, from "
        "two seeds on, not corrected for the number of contrasts; only seeds tell whether a variant helps."
    )
    return style.captioned(figure, f"{message} {scales}.")


def _draw(ax: Axes, part: pd.DataFrame, margin: float, titles: Mapping[str, str]) -> None:
    """One row for each difference, the first on top."""
    ax.axvspan(-margin, margin, color=SHADE, linewidth=0.0)
    ax.axvline(0.0, color=style.GREY, linewidth=0.8)
    for row, line in enumerate(records(part)):
        colour = LINE_COLOURS[line["kind"] == CONFIRMATORY]
        if math.isfinite(line["image_low"]):
            ax.plot([line["image_low"], line["image_high"]], [row, row], color=colour, linewidth=0.9)
        if line["n_seeds"] > 1:
            ax.plot([line["low"], line["high"]], [row, row], color=colour, linewidth=4.0, alpha=0.45)
            ax.plot(line["difference"], row, color=colour, marker="|", markersize=9.0, linestyle="none")
        seeds = seeds_of(line["by_seed"])
        ax.plot(seeds, [row] * len(seeds), color=colour, marker="o", markersize=3.5, linestyle="none")
    ax.set_yticks(range(len(part)), [_pair(line, titles) for line in records(part)])
    ax.set_ylim(len(part) - 0.5, -0.5)
    ax.grid(visible=True, axis="x")


def _pair(line: Line, titles: Mapping[str, str]) -> str:
    """The names of both rows of a difference."""
    return f"{titles.get(line['row'], line['row'])} \N{EN DASH} {titles.get(line['reference'], line['reference'])}"


def seeds_of(text: str) -> list[float]:
    """The differences in `by_seed` of controls.csv: "0:-0.05 1:0.02"."""
    return [float(item.partition(":")[2]) for item in text.split()]


def _legend(margin: float) -> list[Line2D | Patch]:
    """What the marks mean, whatever is drawn."""
    black = style.COLOURS[0]
    return [
        Line2D([], [], color=black, marker="o", markersize=3.5, linestyle="none", label="one seed"),
        Line2D([], [], color=black, linewidth=0.9, label="95 % over images"),
        Line2D([], [], color=black, linewidth=4.0, alpha=0.45, label="95 % over seeds, mean"),
        Patch(color=SHADE, label=f"equivalent: within {margin:g}"),
        Patch(color=LINE_COLOURS[True], label="confirmatory"),
        Patch(color=LINE_COLOURS[False], label="exploratory"),
    ]
