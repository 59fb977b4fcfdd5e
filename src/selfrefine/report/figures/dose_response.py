"""FD against strength, drawn: a panel for each process with a mark for each arm, and below them every arm by name."""

import math
import textwrap
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from selfrefine.metrics.frechet import distance_name
from selfrefine.report import seed_statistics
from selfrefine.report.figures import style
from selfrefine.report.figures.forest_plot import seeds_of
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import Line, records
from selfrefine.report.tables import dose_response

MARKS = {dose_response.FORWARD: "^", dose_response.REVERSE: "v", dose_response.BOTH: "o", dose_response.DDPM_IP: "*"}
MARK_TITLES = {
    dose_response.FORWARD: "forward only",
    dose_response.REVERSE: "reverse only",
    dose_response.BOTH: "forward + reverse",
    dose_response.DDPM_IP: "DDPM-IP",
}
PANELS = {  # column -> label of the axis
    "forward_strength": "forward: weight x mean of map\n(relative rise of the noise level)",
    "reverse_strength": "reverse: weight x mean of map\n(relative rise of keys and values)",
}
STRENGTH_TITLES = {"forward_strength": "forward", "reverse_strength": "reverse"}
PLACE_COLOURS = style.COLOURS[1:]
PALE = 0.3
HIGH = 2.3  # inches of the two panels
ROW = 0.17  # inches of one named arm
AROUND = 0.5  # inches of the title and ticks of a place's arms
LABEL_WIDTH = 34  # characters of the name of an arm


def strength_figure(table: pd.DataFrame, results: Results) -> Figure:
    """Difference of log FD against the strength of each process, in the primary feature network; below every arm by
    its name, the highest difference of its data set and model first: strengths that explain rise with it.

    Args:
        table: lines of strength.csv.
        results: its primary network and titles.
    """
    network, titles = results.judgement.primary_network, results.titles
    drawn = table[table["network"] == network]
    if drawn.empty:
        return style.only_words("No variant is selected whose processes have a strength.")
    places = dict(seed_statistics.places(drawn, "dataset", "model"))
    names = {place: f"{titles[place[1]]} on {titles[place[0]]}" for place in places}
    colours = {place: PLACE_COLOURS[number % len(PLACE_COLOURS)] for number, place in enumerate(places)}
    heights = [ROW * max(2, len(arms)) for arms in places.values()]
    figure = Figure(figsize=(style.PAGE, HIGH + sum(heights) + AROUND * len(heights) + 2.2), layout="constrained")
    distance = distance_name(network)
    style.headed(figure, f"{distance} against the strength of each process")
    legend = _legend({names[place]: colour for place, colour in colours.items()})
    above, below = style.above_legend(figure, legend, 3).subfigures(
        2, 1, squeeze=False, height_ratios=(HIGH + 0.6, sum(heights) + AROUND * len(heights))
    )[:, 0]
    _draw_strengths(above, records(drawn), colours, distance)
    axes = below.subplots(len(places), 3, squeeze=False, height_ratios=heights, sharex="col", sharey="row")
    for row, (place, arms) in zip(axes, places.items(), strict=True):
        _draw_arms(row, records(arms.sort_values("difference", ascending=False)), titles, colours[place])
        style.head_panels(row[0], f"{names[place]}: {_found(arms)}", color=colours[place], fontweight="normal")
    style.linear_near_zero(axes[-1][2], "x")
    axes[-1][2].set_xlabel(f"difference of log {distance}", fontsize=style.SMALL)
    for ax, title in zip(axes[-1], STRENGTH_TITLES.values(), strict=False):
        ax.set_xlabel(f"strength, {title}", fontsize=style.SMALL)
    return style.captioned(figure, _caption(results, network, drawn["n_seeds"]))


def _draw_strengths(
    figure: SubFigure, arms: Sequence[Line], colours: Mapping[tuple[str, ...], str], distance: str
) -> None:
    """A panel for each process, all arms in both."""
    axes = figure.subplots(1, len(PANELS), sharey=True)
    for ax, column in zip(axes, PANELS, strict=True):
        for line in arms:
            _draw(ax, line, column, colours[line["dataset"], line["model"]])
        ax.axhline(0.0, color=style.GREY, linewidth=0.8)
        ax.set_xlabel(PANELS[column])
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.grid(visible=True)
    axes[0].set_ylabel(f"difference of log {distance}\nbelow 0: lower {distance}")
    style.linear_near_zero(axes[0], "y")


def _draw_arms(row: Sequence[Axes], arms: Sequence[Line], titles: Mapping[str, str], colour: str) -> None:
    """Strengths and difference of each arm, one below the other."""
    for number, line in enumerate(arms):
        for ax, column in zip(row, PANELS, strict=False):
            if _has(line, column):
                ax.plot(line[column], number, color=colour, marker=MARKS[line["process"]], markersize=5.0)
        if line["n_seeds"] > 1:
            row[2].plot([line["low"], line["high"]], [number, number], color=colour, linewidth=4.0, alpha=0.45)
        row[2].plot(line["difference"], number, color=colour, marker="|", markersize=8.0)
    names = [textwrap.shorten(titles.get(line["row"], line["row"]), LABEL_WIDTH, placeholder=" ...") for line in arms]
    row[0].set_yticks(range(len(arms)), names, fontsize=style.SMALL)
    row[0].set_ylim(len(arms) - 0.5, -0.5)
    for ax in row:
        ax.axvline(0.0, color=style.GREY, linewidth=0.8)
        ax.grid(visible=True)
    for ax in row[:2]:
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _has(line: Line, column: str) -> bool:
    """Whether the arm has the process of a panel."""
    without = dose_response.REVERSE if column == "forward_strength" else dose_response.FORWARD
    return line["process"] != without and not (line["process"] == dose_response.DDPM_IP and line[column] == 0.0)


def _draw(ax: Axes, line: Line, column: str, colour: str) -> None:
    """One arm: pale where it has not the process of the panel."""
    x, alpha = line[column], 1.0 if _has(line, column) else PALE
    if math.isfinite(line["image_low"]):
        ax.plot([x, x], [line["image_low"], line["image_high"]], color=colour, linewidth=0.8, alpha=alpha)
    seeds = seeds_of(line["by_seed"])
    ax.plot([x] * len(seeds), seeds, color=colour, marker=".", markersize=3.0, linestyle="none", alpha=alpha)
    size = 9.0 if line["process"] == dose_response.DDPM_IP else 6.0
    ax.plot(x, line["difference"], color=colour, marker=MARKS[line["process"]], markersize=size, alpha=alpha)


def _legend(places: Mapping[str, str]) -> list[Line2D]:
    """Colours of the places, marks of the processes, the interval."""
    black = style.COLOURS[0]
    return [
        *(Line2D([], [], color=colour, marker="s", linestyle="none", label=title) for title, colour in places.items()),
        *(
            Line2D([], [], color=black, marker=mark, linestyle="none", label=MARK_TITLES[process])
            for process, mark in MARKS.items()
        ),
        Line2D([], [], color=black, linewidth=0.8, label="95 % over images"),
        Line2D([], [], color=black, linewidth=4.0, alpha=0.45, label="95 % over seeds"),
        Line2D([], [], color=black, marker=".", markersize=3.0, linestyle="none", label="one seed"),
    ]


def _found(arms: pd.DataFrame) -> str:
    """How many arms a place has, and what their strengths explain."""
    here = dose_response.fit(arms)
    words = f"{here.n_arms} arm{'s' if here.n_arms > 1 else ''}"
    numbers = {"r forward": here.r_forward, "r reverse": here.r_reverse, "both explain R\u00b2": here.explained}
    known = [f"{name} {value:.2f}" for name, value in numbers.items() if math.isfinite(value)]
    return ", ".join([words, *known] if known else [words, "too few for r"])


def _caption(results: Results, network: str, n_seeds: pd.Series) -> str:
    """What is drawn, at which scale."""
    return (
        f"Against {results.reference}, features of {network}. Pale: the arm has not this process. r, R\u00b2: "
        f"exploratory; no process counts as strength 0. {style.LOGARITHMIC} "
        f"{style.run_words(results.experiment, n_seeds)}"
    )
