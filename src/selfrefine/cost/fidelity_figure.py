"""Figure of the study of cheap maps: how true and how strong they are, against what they cost (method 11.6)."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from selfrefine.cost.fidelity_page import BATCHES, CYCLE, Line, Row, rows
from selfrefine.cost.refresh_fidelity import CANDIDATE, REFERENCE, Size
from selfrefine.report.figures import style

PANELS = {  # figure -> label of the axis
    "r": "r with the reference",
    "mean_ratio": "mean of the map / mean of the reference",
}
MARKS = ("o", "s", "^", "D", "v", "P")  # one for each number of steps
PALE = 0.35  # of single models
LABEL_SIZE = 7.0


def fidelity_figure(table: Sequence[Line], caption: str) -> Figure:
    """r and the ratio of means of each size against its network evaluations.

    Args:
        table: lines of fidelity.csv.
        caption: scale and where it was run.
    """
    (reference,) = rows(table, REFERENCE)
    candidates = rows(table, CANDIDATE)
    steps = sorted({row.size.steps for row in candidates})
    looks: dict[int, dict[str, Any]] = {
        count: {"color": style.COLOURS[1 + place % (len(style.COLOURS) - 1)], "marker": MARKS[place % len(MARKS)]}
        for place, count in enumerate(steps)
    }
    figure = Figure(figsize=(11.0, 4.6), layout="constrained")
    style.headed(figure, "Is the map of a cheap refresh the same map?")
    axes = figure.subplots(1, len(PANELS))
    levels = {"r": reference.figures["r"].value, "mean_ratio": 1.0}
    for ax, (metric, label) in zip(axes, PANELS.items(), strict=True):
        _panel(ax, metric, candidates, looks)
        _single_models(ax, metric, table, looks)
        if math.isfinite(levels[metric]):
            ax.axhline(levels[metric], color=style.GREY, linewidth=0.8, linestyle=style.DASHED)
        ax.set(xscale="log", xlabel="network evaluations of a refresh", ylabel=label)
        ax.grid(visible=True)
        _plain(ax.xaxis)
        _second_axis(ax)
    handles = [Line2D([], [], **look, linestyle="none", label=f"{count} steps") for count, look in looks.items()]
    figure.legend(handles=handles, loc="outside right upper", **style.LEGEND)
    return style.captioned(figure, f"{_told(table, reference)} {caption}")


def _panel(ax: Axes, metric: str, candidates: Iterable[Row], looks: dict[int, dict[str, Any]]) -> None:
    """The means over models, with the spread of one refresh; names in turn above and below, since sizes lie close."""
    for place, row in enumerate(sorted(candidates, key=lambda row: row.size.evaluations)):
        found = row.figures[metric]
        spread = found.spread if math.isfinite(found.spread) else 0.0
        x = row.size.evaluations
        ax.errorbar(x, found.value, yerr=spread, **looks[row.size.steps], markersize=5.0, capsize=2.5, linestyle="none")
        side = (-1.0) ** place
        ax.annotate(
            str(row.size),
            (x, found.value + side * spread),
            xytext=(0.0, side * 4.0),
            textcoords="offset points",
            rotation=90.0,
            ha="center",
            va="bottom" if side > 0.0 else "top",
            fontsize=LABEL_SIZE,
            color=style.GREY,
        )
    ax.margins(y=0.25)


def _single_models(ax: Axes, metric: str, table: Iterable[Line], looks: dict[int, dict[str, Any]]) -> None:
    """A dot for each model, where there are several."""
    lines = [line for line in table if line["role"] == CANDIDATE and line["metric"] == metric]
    if len(lines) == len({(line["images"], line["steps"]) for line in lines}):
        return
    for line in lines:
        x, colour = Size(line["steps"], line["images"]).evaluations, looks[line["steps"]]["color"]
        ax.plot(x, line["value"], marker=".", markersize=4.0, color=colour, alpha=PALE, linestyle="none")


def _second_axis(ax: Axes) -> None:
    """The same axis in per cent of plain training."""
    factor = 100.0 * Size(1, 1).cost(CYCLE, BATCHES[0])

    def cost(evaluations: Any) -> Any:
        return evaluations * factor

    def evaluations(cost: Any) -> Any:
        return cost / factor

    above = ax.secondary_xaxis("top", functions=(cost, evaluations))
    _plain(above.xaxis)
    above.set_xlabel(f"% added to plain training, a refresh every {CYCLE} steps of batch {BATCHES[0]}")


def _plain(axis: Axis) -> None:
    """Numbers of a logarithmic axis as they are."""
    axis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _told(table: Sequence[Line], reference: Row) -> str:
    models = {tuple(line[name] for name in ("dataset", "model", "highlighter", "seed")) for line in table}
    many = "1 model" if len(models) == 1 else f"{len(models)} models"
    return (
        f"n x S: mean flaw map of n images of S DDIM steps; reference: {reference.size}, of other noise. Bars: "
        f"standard deviation of one refresh, over disjoint sets of images; marks: mean over {many}"
        f"{', of which each is a dot' if len(models) > 1 else ''}. Dashed: on the left the r that the reference itself "
        "has with a map of endlessly many images, on the right equal means. Cost of the network's evaluations alone."
    )
