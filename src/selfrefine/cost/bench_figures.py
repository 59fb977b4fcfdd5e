"""The benchmark, drawn: the cost of refinement over cycles, and images per second beside the diffusers loops."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selfrefine.cost.clock import Line
from selfrefine.cost.refresh_cost import AUTHORS, LIMIT, REDUCED
from selfrefine.report.figures import style as figures_style

TICKS = (LIMIT, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)  # of a cost
LINES = {AUTHORS: figures_style.DASHED, REDUCED: figures_style.DASH_DOTTED}
BAR_HEIGHT = 0.42  # inches


def refresh_title(line: Line) -> str:
    """ "ours, 64 x 10"; of the authors' refresh only its steps, since its images are the batch."""
    images = "B" if line["refresh"] == AUTHORS else line["images"]
    return f"{line['refresh']}, {images} x {line['steps']}"


def cost_figure(table: Sequence[Line], caption: str) -> Figure:
    """Refinement phase against plain training over cycles, a panel for each batch.

    Args:
        table: from `refresh_cost.lines`.
        caption: machine and network.
    """
    batches = list(dict.fromkeys(line["batch"] for line in table))
    titles = list(dict.fromkeys(refresh_title(line) for line in table))
    colours = {title: figures_style.COLOURS[number % len(figures_style.COLOURS)] for number, title in enumerate(titles)}
    figure = Figure(figsize=(max(figures_style.NARROWEST, 3.4 * len(batches)), 4.6), layout="constrained")
    figures_style.headed(figure, "Cost of a refinement phase, in plain training of equal length")
    axes = figure.subplots(1, len(batches), sharey=True, squeeze=False)[0]
    for ax, batch in zip(axes, batches, strict=True):
        here = [line for line in table if line["batch"] == batch]
        for title in titles:
            _draw(ax, [line for line in here if refresh_title(line) == title], title, colours[title])
        ax.axhline(LIMIT, color=figures_style.GREY, linewidth=0.8)
        ax.set(xscale="log", yscale="log", title=f"batch {batch}", xlabel="updates between refreshes")
        cycles = list(dict.fromkeys(line["cycle"] for line in here))
        ax.set_xticks(cycles, [str(cycle) for cycle in cycles])
        ax.grid(visible=True)
    low, high = min(line["low"] for line in table), max(line["high"] for line in table)
    ticks = [tick for tick in TICKS if low <= tick <= 1.1 * high or tick == LIMIT]
    axes[0].set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    for ax in axes:
        ax.minorticks_off()
    axes[0].set_ylabel("seconds / seconds of plain training")
    shown = {label: mark for ax in axes for mark, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(shown.values(), shown.keys(), loc="outside upper right", ncols=3, **figures_style.LEGEND)
    told = (
        f"Refresh: images x DDIM steps, B the batch. Bars: lowest and highest round. Dotted: by counting network "
        f"evaluations, 1 + images x steps / (3 cycle B). Grey: {LIMIT:g}. "
    )
    return figures_style.captioned(figure, told + caption)


def _draw(ax: Axes, lines: Sequence[Line], title: str, colour: str) -> None:
    """One kind of refresh; nothing if this batch has none."""
    if not lines:
        return
    cycles, costs = [line["cycle"] for line in lines], [line["cost"] for line in lines]
    ends = [[line["cost"] - line["low"] for line in lines], [line["high"] - line["cost"] for line in lines]]
    style: dict[str, Any] = {"color": colour, "linestyle": LINES.get(lines[0]["refresh"], figures_style.SOLID)}
    ax.errorbar(cycles, costs, yerr=ends, marker="o", markersize=3.0, label=title, elinewidth=0.8, **style)
    counted = [line["by_evaluations"] for line in lines]
    ax.plot(cycles, counted, color=colour, linestyle=figures_style.DOTTED, linewidth=0.8)


def speed_figure(tables: Mapping[str, Sequence[Line]], caption: str) -> Figure:
    """Images per second as bars, a panel for each table.

    Args:
        tables: title -> lines of `timing.rate_lines`, the reference first.
        caption: machine and network.
    """
    rows = max(len(table) for table in tables.values())
    figure = Figure(figsize=(9.0, BAR_HEIGHT * rows + 1.8), layout="constrained")
    figures_style.headed(figure, "Images per second")
    for ax, (title, table) in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True):
        rates = [line["images_per_second"] for line in table]
        ends = [
            [rate - line["low"] for rate, line in zip(rates, table, strict=True)],
            [line["high"] - rate for rate, line in zip(rates, table, strict=True)],
        ]
        colours = [figures_style.GREY, *figures_style.COLOURS[1 : len(table)]]
        places = range(len(table))
        ax.barh(places, rates, xerr=ends, color=colours, height=0.6, error_kw={"elinewidth": 0.8})
        ax.set_yticks(places, [f"{line['case']}\n{line['ratio']:.2f} x" for line in table])
        ax.invert_yaxis()
        ax.set(title=title, xlabel="images/s")
    told = "Bars: median over rounds; thin lines: lowest and highest round; x: times as fast as the first. "
    return figures_style.captioned(figure, told + caption)
