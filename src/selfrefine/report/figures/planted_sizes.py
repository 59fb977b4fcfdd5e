"""Planted flaws of several sizes drawn: how much more often a map finds them than what knows nothing of the image."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from selfrefine.report.figures import style
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import places, records
from selfrefine.report.tables import planted_sizes
from selfrefine.report.tables.planted_sizes import AGAINST, PATCHES

HEIGHT = 1.7  # inches of a row of panels
APART = 0.006  # kinds stand this much aside, so that their intervals do not hide each other
LOOKS = style.looks(PATCHES.values(), controls=[PATCHES["real_splice"]])


def sizes_figure(table: pd.DataFrame, results: Results) -> Figure:
    """Hit rates over the side of a patch, less those of each comparison; a row of panels for each data set and model.

    Args:
        table: lines of table6.csv.
        results: titles and experiment.
    """
    sizes = planted_sizes.lines(table)
    if sizes.empty:
        return style.only_words(planted_sizes.NONE_MEASURED)
    rows = places(sizes, "dataset", "model")
    figure = Figure(figsize=(style.PAGE, HEIGHT * len(rows) + 1.6), layout="constrained")
    style.headed(figure, "From which size on does a flaw map find a planted flaw?")
    body = style.above_legend(figure, [Line2D([], [], label=name, **look) for name, look in LOOKS.items()], 3)
    axes = body.subplots(len(rows), len(AGAINST), squeeze=False, sharex=True, sharey="row")
    for ((dataset, model), part), panels in zip(rows, axes, strict=True):
        for name, ax in zip(AGAINST, panels, strict=True):
            _panel(ax, part[part["figure"] == name])
        panels[0].set_ylabel("hits of three, difference", fontsize=style.SMALL)
        style.head_panels(panels[0], f"{results.titles[model]} on {results.titles[dataset]}", fontweight="normal")
    shares = sorted(sizes["share"].unique())
    for ax, title in zip(axes[-1], AGAINST.values(), strict=True):
        ax.set_xticks(shares, [f"{share:g}" for share in shares], fontsize=style.SMALL)
        ax.set_xlabel(f"side of the patch\n{title.lower()}", fontsize=style.SMALL)
    message = (
        "How much of a map's three highest cells lies in the patch, less the same of a Gaussian centre, of other "
        "images' maps, of a real piece. Found: all of them above 0. Upright: 95 %."
    )
    return style.captioned(figure, f"{message} {style.run_words(results.experiment, sizes['n_seeds'])}")


def _panel(ax: Axes, part: pd.DataFrame) -> None:
    """One comparison: a line for each kind of patch, its points by rising side."""
    ax.axhline(0.0, color=style.GREY, linewidth=0.8)
    ax.grid(visible=True)
    for number, (kind, title) in enumerate(PATCHES.items()):
        drawn = records(part[part["kind"] == kind])
        aside = APART * (number - (len(PATCHES) - 1) / 2.0)
        ax.plot([line["share"] + aside for line in drawn], [line["value"] for line in drawn], **LOOKS[title])
        for line in drawn:
            x = line["share"] + aside
            ax.plot([x, x], [line["low"], line["high"]], color=LOOKS[title]["color"], linewidth=0.9)
