"""Writes what a run measured into README.md and docs/, so that no number there is typed."""

import argparse
import math
import platform
import re
from pathlib import Path

import pandas as pd

from selfrefine.commands import why
from selfrefine.core import devices, files
from selfrefine.core.errors import InputError
from selfrefine.core.names import ROOMS
from selfrefine.cost import recorded_time, side_by_side
from selfrefine.params import measured_jobs
from selfrefine.report.summary import pages

HELP = """
Needs: a finished run of the experiment embedded; `selfrefine bench` and `fidelity` are taken along if they were run.
Makes: what the run says between two marks in README.md; its tables, figures and times in docs/.

Example, after `make all`:
  selfrefine readme
"""
EXPERIMENT = "embedded"  # whose results the README shows
BEGIN, END = "<!-- results:begin (written by `make readme`) -->", "<!-- results:end -->"
PAGE = "results.md"  # in docs/: all that the README has no room for
SHORT = "## Table 2"  # the table of the summary that the README shows, too
SENTENCES = 5  # of the summary's ten: the processes, the flaw map, how near its end the training was
PAGES = (
    "table1",
    "table2",
    "table3",
    "table4",
    "table5",
    "table6",
    "table7",
    "controls",
    "maps",
    "sweep",
    "table_study",
)
# Figures that make_tables draws; all others are make_figures'.
OF_TABLES = ("forest", "strength", "sweep", "planted_sizes")
# Where each figure is made: those that the summary shows, in its order.
FIGURES = {
    kind: tuple(f"{name}.png" for name in pages.FIGURES if (name in OF_TABLES) == (kind == "tables"))
    for kind in ("tables", "figures")
}
# Of `make bench` and of the study of cheap maps, where they were run.
BENCH = ("bench.md", "cost.png", "speed.png", "fidelity.md", "fidelity.png")


def readme_block(root: Path, experiment: str) -> str:
    """The README's section on an experiment: the first that it says, its first table in short form, what it took.

    Raises:
        InputError: the summary has no such table, or there is no benchmark of this experiment.
    """
    sentences, *tables = sections(root, experiment)
    found = next((table for table in tables if table.startswith(SHORT)), None)
    if found is None:
        raise InputError(f"{summary(root, experiment)}: no section {SHORT!r}; run `make all` again")
    first = "\n".join(sentences.splitlines()[:SENTENCES])
    more = f"All that this run says, its tables and figures: [docs/{PAGE}](docs/{PAGE}). {taken(root, experiment)}"
    return "\n\n".join([first, f"###{found.removeprefix('##')}", more])


def results_page(root: Path, experiment: str) -> str:
    """docs/results.md: all that the summary says, where the whole tables are, every figure, where the time went."""
    sentences, *tables = sections(root, experiment)
    costs = [name for name in BENCH if name.endswith(".md") and (root / "results" / "bench" / name).is_file()]
    whole_pages = [*(f"{name}.md" for name in PAGES), *costs]
    links = ", ".join(f"[{name.removesuffix('.md')}]({name})" for name in whole_pages)
    pictures = [f"### {title}\n\n![{name}.png]({name}.png)" for name, title in pages.FIGURES.items()]
    head = f"# Results of the experiment {experiment}\n\nWritten by `make readme`."
    whole = f"## Whole tables\n\n{links}. [What stands in their columns](../results/README.md)."
    time = f"## Time and memory\n\n{time_table(root, experiment)}"
    return "\n\n".join([head, sentences, *tables, whole, "## Figures", *pictures, time]) + "\n"


def summary(root: Path, experiment: str) -> Path:
    """What make_summary says of a run."""
    return root / "results" / "summary" / experiment / "summary.md"


def sections(root: Path, experiment: str) -> list[str]:
    """The summary: its sentences without their heading, then each of its sections with its own."""
    text = summary(root, experiment).read_text(encoding="utf-8")
    first, *others = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    return [re.sub(r"^# .*\n", "", first).strip(), *(part.strip() for part in others)]


def taken(root: Path, experiment: str) -> str:
    """Minutes on some numbers of cores, by the times of all jobs, and what lies on the disk."""
    jobs = side_by_side.finished(root, experiment)
    used = sum(
        path.stat().st_size
        for room in ROOMS
        for folder in (root / room).glob(f"*/{experiment}")
        for path in folder.rglob("*")
        if path.is_file()
    )
    disk = f"Its files take {used / 1e6:,.0f} MB."
    if not jobs:
        return disk
    times = [f"{side_by_side.makespan(jobs, cores) / 60:.0f} on {cores}" for cores in side_by_side.CORES]
    listed = f"{', '.join(times[:-1])} and {times[-1]}"
    return f"By the times of its jobs on the machine that ran it, it takes {listed} cores (minutes, simulated). {disk}"


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
    head = f"By Snakemake's clock ({machine}):"
    table = [head, "", "| stage | jobs | seconds | peak MiB of a job |", "|---|---|---|---|", *lines]
    cores = side_by_side.words(side_by_side.finished(root, experiment))
    return "\n".join([*table, *(["", cores] if cores else [])])


def write(root: Path, experiment: str) -> None:
    """Copies figures and pages to docs/, writes the page of results and replaces the block of README.md.

    Raises:
        InputError: README.md has no such block, or the run has not made a file; nothing is copied then.
    """
    readme, results = root / "README.md", root / "results"
    replaced(readme, "", BEGIN, END)  # refuses before anything is written
    made = [results / kind / experiment / name for kind, names in FIGURES.items() for name in names]
    made += [results / "tables" / experiment / f"{name}.md" for name in PAGES]
    if absent := [path for path in [*made, summary(root, experiment)] if not path.is_file()]:
        raise InputError(f"{absent[0]}: no such file; run `make all EXPERIMENT={experiment}` first")
    block, page = readme_block(root, experiment), results_page(root, experiment)
    found = sorted(recorded_time.stages(root, experiment), key=lambda line: line["stage"])
    measured = [
        (experiment, line["stage"], round(line["peak_mib"]), round(line["seconds"] / line["jobs"], 1))
        for line in found
        if math.isfinite(line["peak_mib"])
    ]
    files.write_table(root / measured_jobs.FILE, pd.DataFrame(measured, columns=measured_jobs.COLUMNS))
    (root / "docs").mkdir(exist_ok=True)
    for path in [*made, *(results / "bench" / name for name in BENCH)]:
        if path.is_file():  # the benchmark need not have been run
            files.write_bytes(root / "docs" / path.name, path.read_bytes())
    files.write_text(root / "docs" / PAGE, page)
    files.write_text(readme, replaced(readme, block, BEGIN, END))


def replaced(page: Path, block: str, begin: str, end: str) -> str:
    """The text of a page with a block between its two marks.

    Raises:
        InputError: the page has not both marks.
    """
    text = page.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise InputError(f"{page}: no block between {begin} and {end}")
    return f"{text.split(begin)[0]}{begin}\n{block}\n{end}{text.split(end)[1]}"


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
