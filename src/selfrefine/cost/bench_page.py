"""The benchmark as a page to read: what was measured, what it should reach, and whether it does."""

from collections.abc import Sequence

from selfrefine.cost import diffusers_sampling, diffusers_training, refresh_cost
from selfrefine.cost.bench_figures import refresh_title
from selfrefine.cost.clock import Line
from selfrefine.report.markdown import EMPTY, markdown_table, number

CYCLE = 100  # updates between two refreshes (paper)


def bench_page(
    machine: str,
    costs: Sequence[Line],
    counted: Sequence[Line],
    training: Sequence[Line],
    sampling: Sequence[Line],
    stages: Sequence[Line],
    experiment: str,
) -> str:
    """Markdown beside the files that it names.

    Args:
        machine: words on machine and network.
        costs: from `refresh_cost.measure`.
        counted: from `counted_cost.lines`.
        training: from `plain_training.measure`.
        sampling: from `stock_sampling.measure`.
        stages: from `pipeline_time.stages`; empty without run.
        experiment: whose stages.
    """
    parts = [
        "# Benchmark\n",
        f"{machine}\n\nAll cases of a section take turns. Figures are medians over rounds, [brackets] hold the lowest "
        "and the highest round. Ratios are taken within a round; seconds alone hold for this machine and this hour.\n",
        "## Cost of a refinement phase\n",
        _costs(costs),
        "## Cost at the paper's scale, counted\n",
        _counted(counted),
        "## Plain training\n",
        _speeds(training, diffusers_training.TARGET),
        "Table: training.csv.\n",
        "## Sampling\n",
        _speeds(sampling, diffusers_sampling.TARGET),
        _agreement(sampling),
        "Table: sampling.csv.\n\n![images per second](speed.png)\n",
        "## Where the time goes\n",
        _stages(stages, experiment),
    ]
    return "\n".join(parts)


def _costs(table: Sequence[Line]) -> str:
    """The table over cycles, and what keeps to the limit at the paper's."""
    cycles = list(dict.fromkeys(line["cycle"] for line in table))
    rows: dict[tuple[int, str], list[Line]] = {}
    for line in table:
        rows.setdefault((line["batch"], refresh_title(line)), []).append(line)
    head = ("Batch", "Refresh", "Seconds", "Explaining", "Map in update", *(f"Cycle {cycle}" for cycle in cycles))
    texts = [
        (
            str(batch),
            title,
            f"{lines[0]['refresh_seconds']:.3g}",
            EMPTY if lines[0]["share_of_explaining"] is None else f"{100.0 * lines[0]['share_of_explaining']:.0f} %",
            f"{lines[0]['refining_over_plain_update']:.3f}",
            *(f"{line['cost']:.3f}" + (" *" if line["meets"] else "") for line in lines),
        )
        for (batch, title), lines in rows.items()
    ]
    at = CYCLE if CYCLE in cycles else cycles[0]
    words = [
        f"- batch {line['batch']}, {refresh_title(line)}: {line['cost']:.3f} [{line['low']:.3f}, {line['high']:.3f}], "
        f"{'meets' if line['meets'] else 'misses'} {refresh_cost.LIMIT:g}\n"
        for line in table
        if line["cycle"] == at
    ]
    told = (
        "Seconds of a refinement phase by those of as many plain updates: (update with map + refresh / cycle) / plain "
        f"update; * marks at most {refresh_cost.LIMIT:g}. Refresh: images x DDIM steps. `authors`: B images, a copy of "
        "the EMA model, Grad-CAM of one image at a time with the gradients of all weights, in our precision and with "
        "our sampler. `reduced`: images x steps <= 9 B. Explaining: share of Grad-CAM in the refresh.\n"
    )
    found = f"At cycle {at}:\n\n{''.join(words)}"
    picture = "![cost of refinement](cost.png)\n\nTable: cost.csv.\n"
    return "\n".join([told, markdown_table(head, texts), found, picture])


def _counted(table: Sequence[Line]) -> str:
    """The cost of the paper's networks, at one refresh and cycle."""
    batches = list(dict.fromkeys(line["batch"] for line in table))
    rows: dict[tuple[str, int], list[Line]] = {}
    for line in table:
        rows.setdefault((line["model"], line["size"]), []).append(line)
    texts = [
        (
            f"{model}, {size} px",
            f"{lines[0]['evaluation_gflops']:.3g}",
            f"{lines[0]['explaining_gflops']:.3g}",
            *(f"{line['cost']:.3f}" + (" *" if line["meets"] else "") for line in lines),
        )
        for (model, size), lines in rows.items()
    ]
    one = table[0]
    told = (
        f"The same by FLOPs, as torch counts them, of the networks of `experiments/paper.yaml`: {one['images']} images "
        f"x {one['steps']} steps every {one['cycle']} updates. Not measured: a count says nothing of memory and "
        "launches. Of a small network, as the one above, explaining is the larger part of a refresh; of the paper's it "
        "is little.\n"
    )
    head = ("Network", "GFLOP, one evaluation", "GFLOP, explaining", *(f"Batch {batch}" for batch in batches))
    return "\n".join([told, markdown_table(head, texts), "Table: counted.csv.\n"])


def _speeds(table: Sequence[Line], target: float) -> str:
    head = ("", "Images/s", "Times as fast")
    rows = [(line["case"], _between(line, "images_per_second", "", ".1f"), _times(line)) for line in table]
    ours = table[-1]
    verdict = "reached" if ours["ratio"] >= target else "not reached"
    return markdown_table(head, rows) + f"\nTo be reached on a CPU by {ours['case']}: {target:g}; {verdict}.\n"


def _times(line: Line) -> str:
    return _between(line, "ratio", "ratio_", ".2f")


def _between(line: Line, value: str, prefix: str, style: str) -> str:
    low, high = (number(line[f"{prefix}{end}"], style) for end in ("low", "high"))
    return f"{number(line[value], style)} [{low}, {high}]"


def _agreement(table: Sequence[Line]) -> str:
    """How far our images are from the stock pipeline's, as pixels in [0, 1]."""
    words = []
    for line in table[1:]:
        told = f"- {line['case']}: largest {line['largest_difference']:.2g}, mean {line['mean_difference']:.2g}"
        if line["case"].endswith("float32"):
            agrees = line["largest_difference"] <= diffusers_sampling.TOLERANCE
            told += f"; {'agrees' if agrees else '**does not agree**'} within {diffusers_sampling.TOLERANCE:g}"
        words.append(told + "\n")
    told = (
        "Difference of the images, pixels in [0, 1], same weights, noise and timesteps. Random weights, as these are, "
        "magnify every rounding more than trained ones do:"
    )
    return f"{told}\n\n{''.join(words)}"


def _stages(table: Sequence[Line], experiment: str) -> str:
    if not table:
        return f"No run of experiment {experiment} is here; `make all`, then `make bench` again.\n"
    head = ("Stage", "Jobs", "Seconds", "Share", "Peak MiB of a job")
    rows = [
        (line["stage"], str(line["jobs"]), f"{line['seconds']:.0f}", f"{100.0 * line['share']:.0f} %", _mib(line))
        for line in table
    ]
    total = sum(line["seconds"] for line in table)
    all_jobs = ("all", str(sum(line["jobs"] for line in table)), f"{total:.0f}", "100 %", "")
    words = f"Experiment {experiment}, by Snakemake's clock.\n\n"
    return words + markdown_table(head, [*rows, all_jobs]) + "\nTable: pipeline.csv.\n"


def _mib(line: Line) -> str:
    return number(line["peak_mib"], ".0f")
