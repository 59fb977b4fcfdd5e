"""The benchmark as a page to read and as figures."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from matplotlib.figure import Figure

from selfrefine.cost.clock import Line
from selfrefine.cost.refresh_cost import LIMIT
from selfrefine.report.figures import style
from selfrefine.report.markdown import markdown_table

CYCLE = 100  # updates between two refreshes (paper)
TICKS = (LIMIT, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)  # of a cost
ROUNDS = """All cases of a section take turns. Figures are medians over rounds, [brackets] hold the lowest and the
highest round. Ratios are taken within a round; seconds alone hold for this machine and this hour.
"""
COSTS = f"""Seconds of a refinement phase by those of as many plain updates: (update with map + refresh / cycle) / plain
update; * marks at most {LIMIT:g}. Refresh: images x DDIM steps. `authors`: B images, the batch, by our sampler and
explained a batch at a time, so that it is cheaper here than theirs.
"""
SIDE_BY_SIDE = """Trainings in processes of their own that start at one moment, all their images per second together;
beside other work there is one busy program for each processor. Threads of one training wait for one another, which
costs most where something else runs: the workflow runs jobs of one thread side by side (`shared.threads`).
"""
COUNTED = """The same by FLOPs, as torch counts them, of the networks of `experiments/paper.yaml`. Not measured: a count
says nothing of memory and launches. Of a small network explaining is the larger part of a refresh; of the paper's it is
little.
"""


def refresh_title(line: Line) -> str:
    """ "64 x 10"; of the authors' refresh "authors, B x 250", since its images are the batch."""
    return f"authors, B x {line['steps']}" if line["authors"] else f"{line['images']} x {line['steps']}"


def bench_page(machine: str, tables: Mapping[str, Sequence[Line]]) -> str:
    """Markdown beside the files that it names.

    Args:
        machine: words on it.
        tables: cost, counted, training, sampling and, of a CPU, side_by_side.
    """
    first = tables["counted"][0]
    parts = [
        f"# Benchmark\n\n{machine}\n\n{ROUNDS}\n## Cost of a refinement phase\n\n{COSTS}",
        _wide(tables["cost"], ("batch", "images", "steps"), "cycle", _of_refresh),
        f"![cost of refinement](cost.png)\n\n## Cost at the paper's scale, counted\n\n{COUNTED}",
        f"{first['images']} images x {first['steps']} steps every {first['cycle']} updates:\n",
        _wide(tables["counted"], ("model", "size"), "batch", _of_network),
        f"## Plain training\n\n{_speeds(tables['training'])}\n## Sampling\n\n{_speeds(tables['sampling'])}",
        f"## Side by side\n\n{SIDE_BY_SIDE}\n{_speeds(tables['side_by_side'])}" if "side_by_side" in tables else "",
        f"![images per second](speed.png)\n\nTables: {', '.join(f'{name}.csv' for name in tables)}.\n",
    ]
    return "\n".join(parts)


def _of_refresh(line: Line) -> dict[str, str]:
    cells = {"Batch": str(line["batch"]), "Refresh": refresh_title(line), "Seconds": f"{line['refresh_seconds']:.3g}"}
    return cells | {"Map in update": f"{line['map_in_update']:.3f}"}


def _of_network(line: Line) -> dict[str, str]:
    gflops = {f"GFLOP, {name}": f"{line[f'{name}_gflops']:.3g}" for name in ("evaluation", "explaining")}
    return {"Network": f"{line['model']}, {line['size']} px"} | gflops


def _wide(table: Iterable[Line], key: Sequence[str], over: str, cells: Callable[[Line], dict[str, str]]) -> str:
    """One row for each key, the costs side by side; with the rounds' ends at the paper's cycle, where there are any."""
    rows: dict[tuple[object, ...], dict[str, str]] = {}
    for line in table:
        row = rows.setdefault(tuple(line[name] for name in key), cells(line))
        cost = f"{line['cost']:.3f}" + (" *" if line["cost"] <= LIMIT else "")
        if over == "cycle" and line["cycle"] == CYCLE:
            cost += f" [{line['cost_low']:.3f}, {line['cost_high']:.3f}]"
        row[f"{over.capitalize()} {line[over]}"] = cost
    return markdown_table(list(next(iter(rows.values()))), [list(row.values()) for row in rows.values()])


def _speeds(table: Sequence[Line]) -> str:
    def cell(line: Line, name: str, how: str) -> str:
        return f"{line[name]:{how}} [{line[f'{name}_low']:{how}}, {line[f'{name}_high']:{how}}]"

    rows = [(line["case"], cell(line, "images_per_second", ".1f"), cell(line, "ratio", ".2f")) for line in table]
    return markdown_table(("", "Images/s", "Times as fast"), rows)


def cost_figure(table: Sequence[Line], caption: str) -> Figure:
    """Refinement phase against plain training over cycles, a panel for each batch, from `refresh_cost.lines`."""
    batches = list(dict.fromkeys(line["batch"] for line in table))
    authors = {refresh_title(line) for line in table if line["authors"]}
    figure = Figure(figsize=(max(style.NARROWEST, 3.4 * len(batches)), 4.6), layout="constrained")
    style.headed(figure, "Cost of a refinement phase, in plain training of equal length")
    axes = figure.subplots(1, len(batches), sharey=True, squeeze=False)[0]
    for ax, batch in zip(axes, batches, strict=True):
        ax.set(xscale="log", yscale="log", title=f"batch {batch}", xlabel="updates between refreshes")
        for title, look in style.looks(dict.fromkeys(map(refresh_title, table)), authors).items():
            lines = [line for line in table if line["batch"] == batch and refresh_title(line) == title]
            cycles, costs, counted = ([line[name] for line in lines] for name in ("cycle", "cost", "by_evaluations"))
            ax.errorbar(cycles, costs, yerr=_ends(lines, "cost"), marker="o", markersize=3.0, label=title, **look)
            ax.plot(cycles, counted, color=look["color"], linestyle=style.DOTTED, linewidth=0.8)
        ax.axhline(LIMIT, color=style.GREY, linewidth=0.8)
        ax.set_xticks(cycles, [str(cycle) for cycle in cycles])
        ax.grid(visible=True)
        ax.minorticks_off()
    axes[0].set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes[0].set_ylim(min(line["cost_low"] for line in table) / 1.1, 1.1 * max(line["cost_high"] for line in table))
    axes[0].set_ylabel("seconds / seconds of plain training")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, **style.LEGEND)
    words = (
        "Refresh: images x DDIM steps, B the batch. Bars: lowest and highest round. Dotted: by counting network "
        f"evaluations, 1 + images x steps / (3 cycle B). Grey: {LIMIT:g}. "
    )
    return style.captioned(figure, words + caption)


def speed_figure(tables: Mapping[str, Sequence[Line]], caption: str) -> Figure:
    """Images per second as bars, a panel for each title with its `clock.rate_lines`."""
    figure = Figure(figsize=(9.0, 3.0), layout="constrained")
    style.headed(figure, "Images per second")
    for ax, (title, table) in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True):
        rates, places = [line["images_per_second"] for line in table], range(len(table))
        ax.barh(places, rates, xerr=_ends(table, "images_per_second"), color=style.COLOURS[1], height=0.6)
        ax.set_yticks(places, [f"{line['case']}\n{line['ratio']:.2f} x" for line in table])
        ax.invert_yaxis()
        ax.set(title=title, xlabel="images/s")
    words = "Bars: median over rounds; thin lines: lowest and highest round; x: times as fast as the first. "
    return style.captioned(figure, words + caption)


def _ends(lines: Sequence[Line], name: str) -> list[list[float]]:
    """How far the lowest and the highest round are from the median."""
    return [[abs(line[f"{name}_{end}"] - line[name]) for line in lines] for end in ("low", "high")]
