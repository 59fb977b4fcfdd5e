"""What the run says: ten sentences, every table in short form, every figure; one page for a browser, one to read."""

from dataclasses import dataclass
from pathlib import Path

from selfrefine.core import files
from selfrefine.core.job import Job, main
from selfrefine.report.summary import pages
from selfrefine.report.summary.run import Run
from selfrefine.report.summary.sentences import ten
from selfrefine.report.summary.short_tables import TITLES, short_tables


@dataclass(frozen=True)
class Config:
    """See params.yaml, make_summary. All else that decides stands in the record of make_tables, an input."""

    names: dict[str, str]
    processes: tuple[str, ...]


@dataclass(frozen=True)
class Inputs:
    """All files of make_tables, its record among them, and of make_figures; the page without its contents."""

    tables: tuple[Path, ...]
    figures: tuple[Path, ...]
    template: Path


@dataclass(frozen=True)
class Outputs:
    """The page for a browser, and the one to read."""

    index: Path
    summary: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Writes both pages."""
    tables = {path.name: path for path in job.inputs.tables}
    pictures = {path.stem: path for path in (*job.inputs.tables, *job.inputs.figures) if path.suffix == ".png"}
    made_with = read(job.config, tables)
    facts = pages.facts(made_with, files.read_json(tables["config.json"]))
    doubts = pages.doubts(files.read_bytes(path).decode() for path in job.inputs.tables if path.suffix == ".md")
    page = pages.Page(ten(made_with), doubts, short_tables(made_with), facts)
    template = files.read_bytes(job.inputs.template).decode()
    files.write_text(job.outputs.index, pages.as_html(page, made_with, template, pictures))
    files.write_text(job.outputs.summary, pages.as_markdown(page, made_with))


def read(config: Config, tables: dict[str, Path]) -> Run:
    """The tables, and the words and rules that they were made with."""
    made = files.read_config(tables["config.json"])
    words = {name: made[name] for name in ("experiment", "select", "rows", "reference", "primary_network")}
    return Run(
        tables={name: files.read_table(tables[f"{name}.csv"]) for name in TITLES},
        processes=config.processes,
        equivalence_margin=made["equivalence_margin"],
        minimum_seeds=made["minimum_seeds"],
        **words,
    )


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
