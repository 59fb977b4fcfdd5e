"""Writes what a run measured into README.md and docs/, so that no number there is typed."""

import argparse
import math
import platform
from pathlib import Path

import pandas as pd

from selfrefine.commands import why
from selfrefine.core import devices, files
from selfrefine.core.errors import InputError
from selfrefine.cost import recorded_time, side_by_side
from selfrefine.params import measured_memory

HELP = """
Needs: a finished run of the experiment embedded; `selfrefine bench` and `fidelity` are taken along if they were run.
Makes: the tables, figures and times between two marks in README.md, and their files in docs/.

Example, after `make all`:
  selfrefine readme
"""
EXPERIMENT = "embedded"  # whose results the README shows
BEGIN, END = "<!-- results:begin (written by `make readme`) -->", "<!-- results:end -->"
PAGES = ("table1", "table2", "table3", "table4", "table5", "table6", "table7", "controls", "maps", "sweep")
# Where each figure is made, and which of them the README shows below its table (figure 8 stands at its top).
FIGURES = {
    "figures": (
        "figure4.png",
        "figure5.png",
        "figure6.png",
        "figure7.png",
        "figure8.png",
        "planted.png",
        "maps.png",
        "mfam.png",
        "loss.png",
    ),
    "tables": ("strength.png", "forest.png", "sweep.png"),
}
# Of `make bench` and of the study of cheap maps, where they were run.
BENCH = ("bench.md", "cost.png", "speed.png", "fidelity.md", "fidelity.png")
SHOWN = (
    "figure4.png",
    "figure5.png",
    "figure6.png",
    "figure7.png",
    "maps.png",
    "planted.png",
    "strength.png",
    "mfam.png",
)


def results_block(root: Path, experiment: str) -> str:
    """The README's section on an experiment: its first table, where the others are, figures, where its time went."""
    table = (root / "results" / "tables" / experiment / "table2.md").read_text(encoding="utf-8")
    below = "\n".join(f"###{line}" if line.startswith("#") else line for line in first_space(table))
    pages = ", ".join(f"[{name}](docs/{name}.md)" for name in PAGES)
    message = f"All tables of this run, as they were written: {pages}. Its other figures are in [docs/](docs)."
    costs = [name for name in BENCH if name.endswith(".md") and (root / "results" / "bench" / name).is_file()]
    if costs:
        links = ", ".join(f"[{name.removesuffix('.md')}](docs/{name})" for name in costs)
        message += f" What refinement costs, and how true a cheap map is, on the same machine: {links}."
    pictures = "\n\n".join(f"![{name}](docs/{name})" for name in SHOWN)
    return "\n\n".join([below, message, pictures, time_table(root, experiment)])


def first_space(page: str) -> list[str]:
    """A page up to its second heading of a feature space: what it is, and its first table."""
    lines = page.splitlines()
    ends = [number for number, line in enumerate(lines) if line.startswith("### ")]
    return lines[: ends[1]] if len(ends) > 1 else lines


def time_table(root: Path, experiment: str) -> str:
    """Markdown: seconds and peak memory of each stage's jobs, by Snakemake's clock and the jobs' own words.

    Raises:
        InputError: no benchmark of this experiment.
    """
    stages = recorded_time.stages(root, experiment)
    if not stages:
        raise InputError(f"{root / 'benchmarks'}: no benchmark of experiment {experiment}; run `make all` first")
    rows = [(line["stage"], line["jobs"], line["seconds"], line["peak_mib"]) for line in stages]
    rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows), max(row[3] for row in rows)))
    machine = f"{devices.processors()} processors, {platform.system()} {platform.machine()}"
    lines = [f"| `{name}` | {jobs} | {seconds:.0f} | {memory:.0f} |" for name, jobs, seconds, memory in rows]
    head = f"Time and memory of this run, by Snakemake's clock ({machine}):"
    table = [head, "", "| stage | jobs | seconds | peak MiB of a job |", "|---|---|---|---|", *lines]
    cores = side_by_side.words(side_by_side.finished(root, experiment))
    return "\n".join([*table, *(["", cores] if cores else [])])


def write(root: Path, experiment: str) -> None:
    """Copies figures and pages to docs/ and replaces the block of README.md.

    Raises:
        InputError: README.md has no such block, or the run has not made a file; nothing is copied then.
    """
    readme, results = root / "README.md", root / "results"
    text = readme.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise InputError(f"{readme}: no block between {BEGIN} and {END}")
    made = [results / kind / experiment / name for kind, names in FIGURES.items() for name in names]
    made += [results / "tables" / experiment / f"{name}.md" for name in PAGES]
    if absent := [path for path in made if not path.is_file()]:
        raise InputError(f"{absent[0]}: no such file; run `make all EXPERIMENT={experiment}` first")
    block = results_block(root, experiment)
    peaks = sorted((line["stage"], line["peak_mib"]) for line in recorded_time.stages(root, experiment))
    table = pd.DataFrame([(stage, round(mib)) for stage, mib in peaks if math.isfinite(mib)], columns=["stage", "mib"])
    files.write_table(root / measured_memory.FILE, table)
    (root / "docs").mkdir(exist_ok=True)
    for path in [*made, *(results / "bench" / name for name in BENCH)]:
        if path.is_file():  # the benchmark need not have been run
            files.write_bytes(root / "docs" / path.name, path.read_bytes())
    files.write_text(readme, f"{text.split(BEGIN)[0]}{BEGIN}\n{block}\n{END}{text.split(END)[1]}")


def check_current(experiment: str) -> None:
    """Refuses results that do not follow from the code and params that are here; in the project's folder.

    Raises:
        InputError: a table or figure that was made of others, or whose files were changed by other means.
    """
    for kind, names in FIGURES.items():
        path = Path("results", kind, experiment, names[0])
        if found := why.differences(path):
            raise InputError(f"{path}: not of the code and params that are here; {found[0]}; run `make all` first")


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """It has no options."""


def run(_arguments: argparse.Namespace) -> None:
    """Writes the README of the project's folder."""
    if Path("README.md").is_file():
        check_current(EXPERIMENT)
    write(Path(), EXPERIMENT)
