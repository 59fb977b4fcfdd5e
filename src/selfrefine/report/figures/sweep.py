"""The paper's search space drawn: one panel for each factor, a line for each series, one row for each model."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from selfrefine.metrics.frechet import distance_name
from selfrefine.report import seed_statistics
from selfrefine.report.figures import style
from selfrefine.report.figures.dose_response import MARKS
from selfrefine.report.figures.forest_plot import SHADE, seeds_of
from selfrefine.report.results import FLAW_MAP, Results
from selfrefine.report.seed_statistics import Line, records
from selfrefine.report.tables import dose_response, sweep

HEIGHT = 2.6  # inches of a panel
NAMES_A_LINE = 3
LEVEL = 4  # more settings are written upright, or their words would touch
APART = 1.03  # two series of one panel stand this much aside, so that their intervals do not hide each other
COLOURS = dict(zip((dose_response.BOTH, dose_response.FORWARD, dose_response.REVERSE), style.COLOURS[1:], strict=False))


def sweep_figure(table: pd.DataFrame, results: Results) -> Figure:
    """Difference of log FD to the baseline over every factor that takes two values or more.

    Args:
        table: lines of sweep.csv.
        results: its primary feature network, which is drawn, its margin and titles.
    """
    titles, network, margin = results.titles, results.judgement.primary_network, results.judgement.equivalence_margin
    drawn = table[table["network"] == network]
    if drawn.empty:
        return style.only_words(sweep.NONE_SELECTED)
    places = seed_statistics.places(drawn, "dataset", "family")
    factors = [factor for factor in sweep.FACTORS if (drawn["factor"] == factor).any()]
    legend = _legend(records(drawn), margin)
    high = HEIGHT * len(places) + 1.2 + style.LEGEND_LINE * (len(legend) / NAMES_A_LINE + 1)
    figure = Figure(figsize=(style.PAGE, high), layout="constrained")
    distance = distance_name(network)
    style.headed(figure, f"{distance} over the search space of the paper")
    body = style.above_legend(figure, legend, NAMES_A_LINE)
    axes = body.subplots(len(places), len(factors), squeeze=False, sharey="row")
    for ((dataset, family), here), row in zip(places, axes, strict=True):
        for factor, ax in zip(factors, row, strict=True):
            _panel(ax, here[here["factor"] == factor], factor, margin)
        style.linear_near_zero(row[0], "y")
        row[0].set_ylabel(f"{titles[family]} on {titles[dataset]}\ndifference of log {distance}")
    message = (
        f"Below 0: lower {distance} than the baseline; features of {network}. Dotted: the paper's choice. Exploratory: "
        f"the best of many settings is no finding. {style.LOGARITHMIC}"
    )
    return style.captioned(figure, f"{message} {style.run_words(results.experiment, drawn['n_seeds'])}")


def _panel(ax: Axes, part: pd.DataFrame, factor: str, margin: float) -> None:
    """All series of one factor; an empty panel where this model has none."""
    ax.set_title(sweep.FACTORS[factor], fontsize=style.SMALL)
    if part.empty:
        ax.set_axis_off()
        return
    ax.set_xscale("log")
    ax.axhspan(-margin, margin, color=SHADE, linewidth=0.0)
    ax.axhline(0.0, color=style.GREY, linewidth=0.8)
    ax.axvline(sweep.PAPER_CHOICE[factor], color=style.GREY, linewidth=0.8, linestyle=style.DOTTED)
    names = part["series"].unique()
    for number, name in enumerate(names):
        _series(ax, records(part[part["series"] == name]), APART ** (number - (len(names) - 1) / 2.0))
    settings = sorted(part["setting"].unique())
    words = [sweep.setting_words(factor, setting) for setting in settings]
    ax.set_xticks(settings, words, fontsize=style.SMALL, rotation=90 if len(words) > LEVEL else 0)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.margins(x=0.12)


def _series(ax: Axes, part: Sequence[Line], aside: float) -> None:
    """One line, its points by rising setting, each with its seeds and intervals."""
    look = _look(part[0])
    colour = look["color"]
    ax.plot([aside * line["setting"] for line in part], [line["difference"] for line in part], **look)
    for line in part:
        x = aside * line["setting"]
        if math.isfinite(line["image_difference_low"]):
            ax.plot([x, x], [line["image_difference_low"], line["image_difference_high"]], color=colour, linewidth=0.9)
        if line["n_seeds"] > 1:
            ends = [line["difference_low"], line["difference_high"]]
            ax.plot([x, x], ends, color=colour, linewidth=4.0, alpha=0.45)
        seeds = seeds_of(line["by_seed"])
        ax.plot([x] * len(seeds), seeds, color=colour, marker=".", markersize=3.0, linestyle="none")


def _look(line: Line) -> dict[str, Any]:
    """Of a series: its process has the colour and the mark; dashed where the map is not the flaw map."""
    process = line["process"]
    dashes = style.SOLID if line["map"] == FLAW_MAP else style.DASHED
    marks = {"marker": MARKS[process], "markersize": 5.0}
    return {"color": COLOURS[process], "linestyle": dashes, "linewidth": 1.0, **marks}


def _legend(drawn: Sequence[Line], margin: float) -> list[Line2D | Patch]:
    """The series that are drawn, then what the marks mean."""
    black = style.COLOURS[0]
    found = {line["series"]: line for line in drawn}
    return [
        *(Line2D([], [], label=name, **_look(line)) for name, line in found.items()),
        Line2D([], [], color=black, marker=".", markersize=3.0, linestyle="none", label="one seed"),
        Line2D([], [], color=black, linewidth=0.9, label="95 % over images"),
        Line2D([], [], color=black, linewidth=4.0, alpha=0.45, label="95 % over seeds"),
        Patch(color=SHADE, label=f"equivalent: within {margin:g}"),
    ]
