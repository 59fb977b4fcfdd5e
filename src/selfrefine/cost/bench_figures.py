"""The benchmark, drawn: the cost of refinement over cycles, and images per second beside the diffusers loops."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from selfrefine.cost.bench_page import refresh_title
from selfrefine.cost.clock import Line
from selfrefine.cost.refresh_cost import LIMIT
from selfrefine.report.figures import style

TICKS = (LIMIT, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)  # of a cost


def cost_figure(table: Sequence[Line], caption: str) -> Figure:
    """Refinement phase against plain training over cycles, a panel for each batch.

    Args:
        table: from `refresh_cost.lines`.
        caption: machine and network.
    """
    batches = list(dict.fromkeys(line["batch"] for line in table))
    looks = style.looks(dict.fromkeys(map(refresh_title, table)), [refresh_title(line) for line in table if line["authors"]])
    figure = Figure(figsize=(max(style.NARROWEST, 3.4 * len(batches)), 4.6), layout="constrained")
    style.headed(figure, "Cost of a refinement phase, in plain training of equal length")
    axes = figure.subplots(1, len(batches), sharey=True, squeeze=False)[0]
    for ax, batch in zip(axes, batches, strict=True):
        for title, look in looks.items():
            lines = [line for line in table if line["batch"] == batch and refresh_title(line) == title]
            cycles, costs = [line["cycle"] for line in lines], [line["cost"] for line in lines]
            ax.errorbar(cycles, costs, yerr=_ends(lines, "cost"), marker="o", markersize=3.0, label=title, elinewidth=0.8, **look)
            counted = [line["by_evaluations"] for line in lines]
            ax.plot(cycles, counted, color=look["color"], linestyle=style.DOTTED, linewidth=0.8)
        ax.axhline(LIMIT, color=style.GREY, linewidth=0.8)
        ax.set(xscale="log", yscale="log", title=f"batch {batch}", xlabel="updates between refreshes")
        ax.set_xticks(cycles, [str(cycle) for cycle in cycles])
        ax.grid(visible=True)
        ax.minorticks_off()
    axes[0].set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes[0].set_ylim(min(line["cost_low"] for line in table) / 1.1, 1.1 * max(line["cost_high"] for line in table))
    axes[0].set_ylabel("seconds / seconds of plain training")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, **style.LEGEND)
    words = (
        f"Refresh: images x DDIM steps, B the batch. Bars: lowest and highest round. Dotted: by counting network "
        f"evaluations, 1 + images x steps / (3 cycle B). Grey: {LIMIT:g}. "
    )
    return style.captioned(figure, words + caption)


def speed_figure(tables: Mapping[str, Sequence[Line]], caption: str) -> Figure:
    """Images per second as bars, a panel for each table.

    Args:
        tables: title -> lines of `clock.rate_lines`, the reference first.
        caption: machine and network.
    """
    figure = Figure(figsize=(9.0, 3.0), layout="constrained")
    style.headed(figure, "Images per second")
    for ax, (title, table) in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True):
        rates, places = [line["images_per_second"] for line in table], range(len(table))
        colours = [style.GREY, *style.COLOURS[1 : len(table)]]
        ax.barh(places, rates, xerr=_ends(table, "images_per_second"), color=colours, height=0.6)
        ax.set_yticks(places, [f"{line['case']}\n{line['ratio']:.2f} x" for line in table])
        ax.invert_yaxis()
        ax.set(title=title, xlabel="images/s")
    words = "Bars: median over rounds; thin lines: lowest and highest round; x: times as fast as the first. "
    return style.captioned(figure, words + caption)


def _ends(lines: Sequence[Line], name: str) -> list[list[float]]:
    """How far the lowest and the highest round are from the median."""
    return [[abs(line[f"{name}_{end}"] - line[name]) for line in lines] for end in ("low", "high")]
