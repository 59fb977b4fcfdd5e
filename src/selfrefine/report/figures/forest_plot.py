"""Forest plot: every difference with its seeds, its two intervals and the range of changes that do not matter."""

import math
import textwrap
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
from selfrefine.report.tables.contrasts import is_half

ROW = 0.21  # inches of one difference
LOWEST = 2 * ROW  # inches of a panel
AROUND = 0.42  # inches of a panel's title and ticks
LABEL_WIDTH = 40  # characters of a line of a row's label
LINE_COLOURS = {True: "#d55e00", False: "#0072b2"}  # confirmatory or not
SHADE = "0.88"


def forest_figure(table: pd.DataFrame, results: Results) -> Figure:
    """One row of panels for each data set and model, one column for each feature network.

    Args:
        table: lines of controls.csv; those without a seed are left out.
        results: its reference, its margin of equivalence, in log FD, and titles.
    """
    measured, titles, margin = table[table["n_seeds"] > 0], results.titles, results.judgement.equivalence_margin
    if measured.empty:
        return style.only_words("No two variants are selected that can be compared.")
    networks = list(measured["network"].unique())
    places = seed_statistics.places(measured, "dataset", "model")
    heights = [max(LOWEST, ROW * part["network"].value_counts().max()) for _, part in places]
    figure = Figure(figsize=(style.PAGE, sum(heights) + AROUND * len(heights) + 1.7), layout="constrained")
    style.headed(figure, "Every difference, with its seeds")
    body, shape = style.above_legend(figure, _legend(margin), 3), (len(heights), len(networks))
    axes = body.subplots(*shape, squeeze=False, sharey="row", sharex="col", height_ratios=heights)
    for row, ((dataset, model), of_place) in zip(axes, places, strict=True):
        for (network,), part in seed_statistics.places(of_place, "network"):
            _draw(row[networks.index(network)], part, margin)
        words = [_label(line, titles, results.judgement.reference) for line in records(part)]
        row[0].set_yticks(range(len(words)), words, fontsize=style.SMALL, linespacing=0.9)
        style.head_panels(row[0], f"{titles[model]} on {titles[dataset]}")
    for bottom, network in zip(axes[-1], networks, strict=True):
        style.linear_near_zero(bottom, "x")
        distance = distance_name(network)
        bottom.set_xlabel(f"difference of log {distance}, left: lower {distance}\n{network}", fontsize=style.SMALL)
    message = (
        f"Against {results.reference}, or first row minus second, paired by seed; only seeds tell whether a variant "
        f"helps. {style.LOGARITHMIC} {style.run_words(results.experiment, measured['n_seeds'])}"
    )
    return style.captioned(figure, message)


def _label(line: Line, titles: Mapping[str, str], reference: str) -> str:
    """The row; where it is not compared with the reference, also with what."""
    row, other = (titles.get(line[name], line[name]) for name in ("row", "reference"))
    words = row if line["reference"] == reference else f"{row} \N{EN DASH} {other}"
    words = f"half of {words}" if is_half(line) else words
    return textwrap.fill(words, LABEL_WIDTH, max_lines=2, placeholder=" ...")


def _draw(ax: Axes, part: pd.DataFrame, margin: float) -> None:
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
        ax.plot(seeds, [row] * len(seeds), color=colour, marker="o", markersize=3.0, linestyle="none")
    ax.set_ylim(len(part) - 0.5, -0.5)
    ax.grid(visible=True, axis="x")


def seeds_of(text: str) -> list[float]:
    """The differences in `by_seed` of controls.csv: "0:-0.05 1:0.02"."""
    return [float(item.partition(":")[2]) for item in text.split()]


def _legend(margin: float) -> list[Line2D | Patch]:
    """What the marks mean, whatever is drawn."""
    black = style.COLOURS[0]
    return [
        Line2D([], [], color=black, marker="o", markersize=3.0, linestyle="none", label="one seed"),
        Line2D([], [], color=black, linewidth=0.9, label="95 % over images, of these very models"),
        Line2D([], [], color=black, linewidth=4.0, alpha=0.45, label="95 % over seeds, mean; not corrected for many"),
        Patch(color=SHADE, label=f"equivalent: within {margin:g}"),
        Patch(color=LINE_COLOURS[True], label="confirmatory"),
        Patch(color=LINE_COLOURS[False], label="exploratory"),
    ]
