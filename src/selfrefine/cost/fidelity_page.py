"""fidelity.md and its figure: cheap maps and the authors' own beside each other, over all models (method 11.6)."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from selfrefine.cost.refresh_cost import cost_by_evaluations
from selfrefine.cost.refresh_fidelity import CANDIDATE, ENDLESS, NAMES, REFERENCE, Size, over_models
from selfrefine.report.figures import style
from selfrefine.report.markdown import EMPTY, markdown_table, number

CYCLE = 100  # steps between two refreshes that costs are given for (paper)
BATCHES = (64, 16, 8)  # batch sizes that they are given for
HEADINGS = {"r": "r", ENDLESS: "r, endless images", "r_particular": "r, mean map taken off", "slope": "Slope"}
HEADINGS |= {"mean_ratio": "Mean / mean", "std_ratio": "Std / std", "error": "Error"}
PANELS = {"r": "r with the reference", "mean_ratio": "mean of the map / mean of the reference"}
WORDS = """A refresh of n x S is the mean flaw map of n images of S DDIM steps. Each is compared with the mean map of
{reference} of the same network and highlighter, of other noise. The paper's authors take as many images as their batch
holds, of 250 steps; {reference.steps} steps or more stand for them. Means over {models} model(s) and over disjoint sets
of images; after +-, the standard deviation of one refresh.

- r: over pixels. The reference is itself a mean of finitely many images: its own r with endlessly many is {ceiling}.
- r, endless images: what few steps do to the map, with the noise of few images taken out of both.
- r, mean map taken off: the mean reference of the other models is taken from both maps, since maps of all models are
  alike. None of one model.
- Slope: of the map on the reference; the noise of few images does not change it, so it shows whether the pattern has
  its strength. Mean and std: as parts of the reference's; the mean decides how strong both processes are.
- Error: root mean square difference, in standard deviations of the reference; 0 is the same map. It counts noise,
  pattern and mean together.
- As true as: the authors' settings that are no better, neither in r nor in error.
"""


def as_true_as(size: Size, rows: Mapping[Size, Mapping[str, tuple[float, float]]], reference: Size) -> list[Size]:
    """The authors' settings, of at least the reference's steps, that this one is no worse than, in r and in error."""
    authors = [other for other in rows if other.steps >= reference.steps]
    r, error = ({other: rows[other][metric][0] for other in rows} for metric in ("r", "error"))
    return [other for other in authors if size not in authors and r[size] >= r[other] and error[size] <= error[other]]


def page(table: pd.DataFrame) -> str:
    """fidelity.csv as Markdown; lines of one reference and its candidates."""
    ((reference, own),) = over_models(table, REFERENCE).items()
    rows = over_models(table, CANDIDATE)
    models = table[NAMES].drop_duplicates().astype(str).to_numpy().tolist()
    agreement, costs = [], []
    for size, figures in rows.items():
        cells = [_cell(*figures[metric]) for metric in HEADINGS]
        agreement.append([str(size), *cells, ", ".join(map(str, as_true_as(size, rows, reference))) or EMPTY])
        added = [100.0 * (cost_by_evaluations(*size, batch, CYCLE) - 1.0) for batch in BATCHES]
        costs.append([str(size), str(size.evaluations), *(f"{percent:.1f} %" for percent in added)])
    words = WORDS.format(reference=reference, models=len(models), ceiling=number(own["r"][0], ".3f"))
    parts = [
        f"# Is the map of a cheap refresh the same map?\n\n{words}",
        markdown_table(["Images x steps", *HEADINGS.values(), "As true as"], agreement),
        f"## Cost at a refresh every {CYCLE} steps\n\nAdded to plain training by the evaluations of the network alone, "
        "an update counted as three of its batch.\n",
        markdown_table(["Images x steps", "Evaluations", *(f"at batch {batch}" for batch in BATCHES)], costs),
        "## Models\n",
        markdown_table(["Data set", "Model", "Highlighter", "Seed"], models),
    ]
    return "\n".join(parts)


def _cell(value: float, spread: float) -> str:
    return number(value, ".3f") + (f" +- {number(spread, '.3f')}" if math.isfinite(spread) else "")


def figure(table: pd.DataFrame, caption: str) -> Figure:
    """r and the ratio of means of each size against its network evaluations, of the lines of fidelity.csv."""
    ((reference, own),) = over_models(table, REFERENCE).items()
    rows, levels = over_models(table, CANDIDATE), {"r": own["r"][0], "mean_ratio": 1.0}
    drawn = Figure(figsize=(11.0, 4.6), layout="constrained")
    style.headed(drawn, "Is the map of a cheap refresh the same map?")
    for ax, (metric, label) in zip(drawn.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        for place, steps in enumerate(sorted({size.steps for size in rows})):
            sizes = [size for size in rows if size.steps == steps]
            values, spreads = zip(*(rows[size][metric] for size in sizes), strict=True)
            bars = [spread if math.isfinite(spread) else 0.0 for spread in spreads]
            colour, x = style.COLOURS[1 + place % (len(style.COLOURS) - 1)], [size.evaluations for size in sizes]
            ax.errorbar(
                x, values, yerr=bars, fmt="o", markersize=5.0, capsize=2.5, color=colour, label=f"{steps} steps"
            )
            for size, value in zip(sizes, values, strict=True):
                ax.annotate(f" {size}", (size.evaluations, value), fontsize=7.0, color=style.GREY)
        if math.isfinite(levels[metric]):
            ax.axhline(levels[metric], color=style.GREY, linewidth=0.8, linestyle=style.DASHED)
        ax.set(xscale="log", xlabel="network evaluations of a refresh", ylabel=label)
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.grid(visible=True)
    handles, labels = drawn.axes[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside right upper", **style.LEGEND)
    words = (
        f"n x S: mean flaw map of n images of S DDIM steps; reference: {reference}, of other noise. Bars: standard "
        "deviation of one refresh, over disjoint sets of images; marks: mean over models. Dashed: on the left the r "
        "that the reference itself has with a map of endlessly many images, on the right equal means. "
    )
    return style.captioned(drawn, words + caption)
