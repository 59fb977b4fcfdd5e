"""The benchmark as a page to read."""

from collections.abc import Iterable, Mapping, Sequence

from selfrefine.cost import beside_diffusers
from selfrefine.cost.clock import Line
from selfrefine.cost.refresh_cost import LIMIT
from selfrefine.report.markdown import markdown_table, number

CYCLE = 100  # updates between two refreshes (paper)


def refresh_title(line: Line) -> str:
    """ "64 x 10"; of the authors' refresh "authors, B x 250", since its images are the batch."""
    return f"authors, B x {line['steps']}" if line["authors"] else f"{line['images']} x {line['steps']}"


def bench_page(machine: str, tables: Mapping[str, Sequence[Line]], experiment: str) -> str:
    """Markdown beside the files that it names.

    Args:
        machine: words on machine and network.
        tables: cost, counted, training, sampling, and pipeline from `recorded_time.stages`, which may be empty.
        experiment: whose stages these are.
    """
    parts = [
        "# Benchmark\n",
        f"{machine}\n\nAll cases of a section take turns. Figures are medians over rounds, [brackets] hold the lowest "
        "and the highest round. Ratios are taken within a round; seconds alone hold for this machine and this hour.\n",
        "## Cost of a refinement phase\n",
        _costs(tables["cost"]),
        "## Cost at the paper's scale, counted\n",
        _counted(tables["counted"]),
        "## Plain training\n",
        _speeds(tables["training"]) + "\nTable: training.csv.\n",
        "## Sampling\n",
        _speeds(tables["sampling"]),
        _agreement(tables["sampling"]) + "\nTable: sampling.csv.\n\n![images per second](speed.png)\n",
        "## Where the time goes\n",
        _stages(tables["pipeline"], experiment),
    ]
    return "\n".join(parts)


def _costs(table: Sequence[Line]) -> str:
    """The table over cycles, with the rounds' ends at the paper's."""
    cycles = list(dict.fromkeys(line["cycle"] for line in table))
    at = CYCLE if CYCLE in cycles else cycles[0]
    head = ("Batch", "Refresh", "Seconds", "Map in update", *(f"Cycle {cycle}" for cycle in cycles))
    rows = [
        (
            str(lines[0]["batch"]),
            refresh_title(lines[0]),
            f"{lines[0]['refresh_seconds']:.3g}",
            f"{lines[0]['map_in_update']:.3f}",
            *(_between(line, "cost", ".3f") if line["cycle"] == at else f"{line['cost']:.3f}" + _mark(line) for line in lines),
        )
        for lines in _grouped(table, "batch", "images", "steps")
    ]
    words = (
        "Seconds of a refinement phase by those of as many plain updates: (update with map + refresh / cycle) / plain "
        f"update; * marks at most {LIMIT:g}. Refresh: images x DDIM steps; `authors`: B images, the batch, by our "
        "sampler and our Grad-CAM of a batch at a time, so that it is cheaper here than theirs.\n"
    )
    return "\n".join([words, markdown_table(head, rows), "![cost of refinement](cost.png)\n\nTable: cost.csv.\n"])


def _counted(table: Sequence[Line]) -> str:
    """The cost of the paper's networks, at one refresh and cycle."""
    batches = list(dict.fromkeys(line["batch"] for line in table))
    head = ("Network", "GFLOP, one evaluation", "GFLOP, explaining", *(f"Batch {batch}" for batch in batches))
    rows = [
        (
            f"{lines[0]['model']}, {lines[0]['size']} px",
            f"{lines[0]['evaluation_gflops']:.3g}",
            f"{lines[0]['explaining_gflops']:.3g}",
            *(f"{line['cost']:.3f}" + _mark(line) for line in lines),
        )
        for lines in _grouped(table, "model", "size")
    ]
    one = table[0]
    words = (
        f"The same by FLOPs, as torch counts them, of the networks of `experiments/paper.yaml`: {one['images']} images "
        f"x {one['steps']} steps every {one['cycle']} updates. Not measured: a count says nothing of memory and "
        "launches. Of a small network, as the one above, explaining is the larger part of a refresh; of the paper's it "
        "is little.\n"
    )
    return "\n".join([words, markdown_table(head, rows), "Table: counted.csv.\n"])


def _grouped(table: Iterable[Line], *names: str) -> list[list[Line]]:
    """Lines that are equal in these columns, together."""
    groups: dict[tuple[object, ...], list[Line]] = {}
    for line in table:
        groups.setdefault(tuple(line[name] for name in names), []).append(line)
    return list(groups.values())


def _mark(line: Line) -> str:
    return " *" if line["cost"] <= LIMIT else ""


def _between(line: Line, name: str, style: str) -> str:
    low, high = (number(line[f"{name}_{end}"], style) for end in ("low", "high"))
    return f"{number(line[name], style)}{_mark(line) if name == 'cost' else ''} [{low}, {high}]"


def _speeds(table: Sequence[Line]) -> str:
    rows = [(line["case"], _between(line, "images_per_second", ".1f"), _between(line, "ratio", ".2f")) for line in table]
    return markdown_table(("", "Images/s", "Times as fast"), rows)


def _agreement(table: Sequence[Line]) -> str:
    """How far our images are from the stock pipeline's, as pixels in [0, 1]."""
    words = []
    for line in table[1:]:
        found = f"- {line['case']}: largest {line['largest_difference']:.2g}, mean {line['mean_difference']:.2g}"
        if line["case"].endswith("float32"):
            agrees = line["largest_difference"] <= beside_diffusers.TOLERANCE
            found += f"; {'agrees' if agrees else '**does not agree**'} within {beside_diffusers.TOLERANCE:g}"
        words.append(found + "\n")
    return (
        "Difference of the images, pixels in [0, 1], same weights, noise and timesteps. Random weights, as these are, "
        f"magnify every rounding more than trained ones do:\n\n{''.join(words)}"
    )


def _stages(table: Sequence[Line], experiment: str) -> str:
    if not table:
        return f"No run of experiment {experiment} is here; `make all`, then `make bench` again.\n"
    all_stages = {"stage": "all", "jobs": sum(line["jobs"] for line in table), "share": 1.0}
    all_stages |= {"seconds": sum(line["seconds"] for line in table), "peak_mib": max(line["peak_mib"] for line in table)}
    rows = [
        (
            line["stage"],
            str(line["jobs"]),
            f"{line['seconds']:.0f}",
            f"{100.0 * line['share']:.0f} %",
            number(line["peak_mib"], ".0f"),
        )
        for line in [*table, all_stages]
    ]
    head = ("Stage", "Jobs", "Seconds", "Share", "Peak MiB of a job")
    return f"Experiment {experiment}, by Snakemake's clock.\n\n{markdown_table(head, rows)}\nTable: pipeline.csv.\n"
