"""Writes what a run measured into README.md and docs/, so that no number there is typed.

`make readme` after `make all`: `python -m selfrefine.commands.readme`.
"""

import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from selfrefine import files, runtime
from selfrefine.errors import InputError

BEGIN, END = "<!-- results:begin (written by `make readme`) -->", "<!-- results:end -->"
FIGURES = ("figure4.png", "figure8.png", "mfam.png", "loss.png")


def results_block(root: Path, experiment: str) -> str:
    """The README's section on an experiment: its table, its figures, where its time went."""
    table = (root / "results" / "tables" / experiment / "table2.md").read_text(encoding="utf-8")
    below = "\n".join(f"###{line}" if line.startswith("#") else line for line in table.splitlines())
    pictures = "\n\n".join(f"![{name}](docs/{name})" for name in FIGURES if name != "figure8.png")
    return "\n\n".join([below, pictures, time_table(root / "benchmarks", experiment)])


def time_table(benchmarks: Path, experiment: str) -> str:
    """Markdown: seconds and peak memory of each stage's jobs, from Snakemake's benchmark files.

    Raises:
        InputError: no benchmark of this experiment.
    """
    rows = []
    for stage in sorted(path for path in benchmarks.iterdir() if path.is_dir()):
        tables = [pd.read_csv(path, sep="\t") for path in _benchmarks(stage, experiment)]
        if tables:
            jobs = pd.concat(tables)
            rows.append((stage.name, len(jobs), jobs["s"].sum(), jobs["max_rss"].max()))
    if not rows:
        raise InputError(f"{benchmarks}: no benchmark of experiment {experiment}; run `make all` first")
    rows.sort(key=lambda row: -row[2])
    rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows), max(row[3] for row in rows)))
    machine = f"{runtime.processors()} processors, {platform.system()} {platform.machine()}"
    lines = [f"| `{name}` | {jobs} | {seconds:.0f} | {memory:.0f} |" for name, jobs, seconds, memory in rows]
    head = f"Time and memory of this run, by Snakemake's clock ({machine}):"
    return "\n".join([head, "", "| stage | jobs | seconds | peak MiB of a job |", "|---|---|---|---|", *lines])


def _benchmarks(stage: Path, experiment: str) -> Sequence[Path]:
    """Those of the experiment; the stages that fetch know none and belong to all."""
    return sorted(
        path
        for path in stage.rglob("*.tsv")
        if stage.name.startswith("fetch_") or experiment in path.parts or path.stem == experiment
    )


def write(root: Path, experiment: str) -> None:
    """Copies the figures to docs/ and replaces the block of README.md.

    Raises:
        InputError: README.md has no such block.
    """
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise InputError(f"{readme}: no block between {BEGIN} and {END}")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    (root / "docs").mkdir(exist_ok=True)
    for name in FIGURES:
        shutil.copyfile(root / "results" / "figures" / experiment / name, root / "docs" / name)
    files.write_text(readme, f"{before}{BEGIN}\n{results_block(root, experiment)}\n{END}{after}")


if __name__ == "__main__":
    try:
        write(Path(), "embedded")
    except (InputError, FileNotFoundError) as error:
        sys.exit(f"make readme: {error}")
