"""FD against strength, drawn: one panel for each process, a mark for each arm of each data set and model."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from selfrefine.metrics.frechet import distance_name
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
PLACE_COLOURS = style.COLOURS[1:]
PALE = 0.3
LABEL_HEIGHT = 0.15  # inches from one label to the next
LABEL_SIZE = 7.0
LOWEST = 3.4  # inches of the panels


def strength_figure(table: pd.DataFrame, results: Results) -> Figure:
    """Difference of log FD against the strength of each process, in the primary feature network.

    Args:
        table: lines of strength.csv.
        results: its primary network and titles.
    """
    network, titles = results.judgement.primary_network, results.titles
    drawn = table[table["network"] == network]
    if drawn.empty:
        return style.only_words("No variant is selected whose processes have a strength.")
    arms = records(drawn)
    places = list(dict.fromkeys((line["dataset"], line["model"]) for line in arms))
    colours = {place: PLACE_COLOURS[number % len(PLACE_COLOURS)] for number, place in enumerate(places)}
    height = max(LOWEST, LABEL_HEIGHT * (len(arms) + 4))
    figure = Figure(figsize=(13.0, height + 1.7), layout="constrained")
    distance = distance_name(network)
    style.headed(figure, f"{distance} against the strength of each process")
    axes = figure.subplots(1, len(PANELS), sharey=True)
    for ax, column in zip(axes, PANELS, strict=True):
        for line in arms:
            _draw(ax, line, column, colours[line["dataset"], line["model"]])
        ax.axhline(0.0, color=style.GREY, linewidth=0.8)
        ax.set_xlabel(PANELS[column])
        ax.ticklabel_format(axis="x", scilimits=(-2, 2))
        ax.grid(visible=True)
    axes[0].set_ylabel(f"difference of log {distance} to test; below 0: lower {distance}")
    axes[0].margins(y=0.06)
    for ax, column in zip(axes, PANELS, strict=True):
        shown = [line for line in arms if _has(line, column)]
        labels = [(line[column], line["difference"], titles.get(line["row"], line["row"])) for line in shown]
        _label(ax, labels, [colours[line["dataset"], line["model"]] for line in shown], LABEL_HEIGHT / height)
    names = {place: f"{titles[place[1]]} on {titles[place[0]]}" for place in places}
    figure.legend(
        handles=_legend({names[place]: colour for place, colour in colours.items()}),
        loc="outside right upper",
        **style.LEGEND,
    )
    return style.captioned(figure, _caption(drawn, names, network))


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


def _label(ax: Axes, points: Sequence[tuple[float, float, str]], colours: Sequence[str], apart: float) -> None:
    """Labels in a column right of the panel, each with a thin line to its point (x, y).

    Args:
        ax: with its final limits.
        points: x, y and label.
        colours: of the labels.
        apart: least distance of two labels, as a share of the panel's height.
    """
    low, high = ax.get_ylim()
    order = sorted(range(len(points)), key=lambda number: points[number][1])
    heights = spread([(points[number][1] - low) / (high - low) for number in order], apart)
    for number, height in zip(order, heights, strict=True):
        x, y, text = points[number]
        ax.annotate(
            text,
            (x, y),
            xytext=(1.04, height),
            textcoords="axes fraction",
            va="center",
            fontsize=LABEL_SIZE,
            color=colours[number],
            arrowprops={"arrowstyle": "-", "color": "0.75", "linewidth": 0.5, "shrinkA": 1.0, "shrinkB": 3.0},
            annotation_clip=False,
        )


def spread(heights: Sequence[float], apart: float) -> list[float]:
    """The sorted heights, moved as little as a sweep up and one down need to stand `apart` in [0, 1].

    Where there are too many for that, the lowest stand below 0.
    """
    moved: list[float] = []
    for height in heights:
        moved.append(max(height, moved[-1] + apart) if moved else max(height, 0.0))
    for number in reversed(range(len(moved))):
        ceiling = 1.0 if number == len(moved) - 1 else moved[number + 1] - apart
        moved[number] = min(moved[number], ceiling)
    return moved


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
        Line2D([], [], color=black, marker=".", markersize=3.0, linestyle="none", label="one seed"),
    ]


def _caption(arms: pd.DataFrame, names: Mapping[tuple[str, str], str], network: str) -> str:
    """What is drawn, the correlations, the scales."""
    found = []
    for place, title in names.items():
        here = dose_response.fit(arms[(arms["dataset"] == place[0]) & (arms["model"] == place[1])])
        words = f"{title}: {here.n_arms} arm{'s' if here.n_arms > 1 else ''}"
        numbers = {"r forward": here.r_forward, "r reverse": here.r_reverse, "both explain R\u00b2": here.explained}
        known = [f"{name} {value:.2f}" for name, value in numbers.items() if math.isfinite(value)]
        found.append(", ".join([words, *known] if known else [words, "too few for a correlation"]))
    scales = arms["scale"].unique()
    return (
        f"Against the reference, features of {network}. Pale: the arm has not this process. DDPM-IP stands where its "
        "noise is: sqrt(1 + gamma\u00b2) - 1. Correlation r of difference and strength over all arms, exploratory; an "
        "arm without the process counts as 0, so r and R\u00b2 also tell which processes are on: "
        f"{'; '.join(found)}. {'; '.join(scales)}."
    )
