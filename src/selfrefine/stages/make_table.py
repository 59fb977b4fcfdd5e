"""One of the paper's tables alone, of just what it needs: the same lines and page as make_tables makes of all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.report import machines, of_config
from selfrefine.report.tables.every_table import TABLES, page_of

OTHERS = ("maps", "correlations", "readouts", "studies")  # inputs of make_tables that none of the paper's tables shows


@dataclass(frozen=True)
class Config:
    """See params.yaml, make_tables; `select` and `rows` are what the table shows and its titles; `lacks`: what the
    table of the whole experiment has besides."""

    names: dict[str, str]
    experiment: str
    select: dict[str, Any]
    rows: dict[str, Any]
    primary_network: str
    reference: str
    map_of: str
    equivalence_margin: float
    minimum_seeds: int
    confirmatory: tuple[tuple[str, ...], ...]
    lacks: tuple[str, ...]


@dataclass(frozen=True)
class Inputs:
    """As of make_tables, of the models and rows that the table shows; none of a kind that it does not read."""

    generation: tuple[Path, ...]
    highlighter: tuple[Path, ...]
    inpainting: tuple[Path, ...]
    prompts: tuple[Path, ...]
    refined: tuple[Path, ...]
    refreshes: tuple[Path, ...]
    autoencoder_configs: tuple[Path, ...]
    autoencoders: tuple[Path, ...]
    round_trips: tuple[Path, ...]
    scales: tuple[Path, ...]
    paper: Path


@dataclass(frozen=True)
class Outputs:
    """The table as CSV and as page."""

    csv: Path
    md: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Assembles and writes the table."""
    name, config = job.config.names["table"], job.config
    if not job.inputs.highlighter:
        raise InputError(f"nothing of {name} runs in the experiment {config.experiment}; see `select` in its params")
    found = of_config.read(config, vars(job.inputs) | dict.fromkeys(OTHERS, ()))
    lines, _ = TABLES[name]
    table = lines(found)
    paths = [path for given in vars(job.inputs).values() for path in (given if isinstance(given, tuple) else (given,))]
    page = page_of(name, table, found, machines.behind(paths))
    files.write_table(job.outputs.csv, table)
    files.write_text(job.outputs.md, page + _lacks(config))


def _lacks(config: Config) -> str:
    """What the page does not show, if the page of the whole experiment does."""
    if not config.lacks:
        return ""
    lines = "".join(f"- {words}\n" for words in config.lacks)
    return f"\n## Not on this page\n\nIt was made alone. That of the whole experiment also has:\n\n{lines}"


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
