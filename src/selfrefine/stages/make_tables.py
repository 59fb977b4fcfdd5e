"""Tables of an experiment: CSV, a page to read, and the plain numbers for `dvc metrics`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from selfrefine import files, table_text, tables
from selfrefine.errors import InputError
from selfrefine.runtime import Job, main


@dataclass(frozen=True)
class Config:
    """See params.yaml, make_tables; `select` and `rows` are what runs and its titles."""

    names: dict[str, str]
    experiment: str
    select: dict[str, Any]
    rows: dict[str, Any]
    primary_network: str
    reference: str
    equivalence_margin: float
    minimum_seeds: int
    confirmatory: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Inputs:
    """Tidy metrics of all data sets, models and seeds, and the paper's figures."""

    generation: tuple[Path, ...]
    highlighter: tuple[Path, ...]
    paper: Path


@dataclass(frozen=True)
class Outputs:
    """Table 2 twice, and its numbers as JSON."""

    table2_csv: Path
    table2_md: Path
    summary: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Assembles and writes the tables."""
    config, outputs = job.config, job.outputs
    metrics, highlighter, paper = map(_read, (job.inputs.generation, job.inputs.highlighter, (job.inputs.paper,)))
    networks = sorted({line["network"] for line in metrics})
    if config.primary_network not in networks:
        raise InputError(
            f"params.yaml: make_tables.primary_network is {config.primary_network!r}; measured: {', '.join(networks)}"
        )
    judgement = tables.Judgement(config.reference, config.equivalence_margin, config.minimum_seeds)
    stands_for = {name: row.get("stands_for", "") for name, row in config.rows["datasets"].items()}
    scales = tables.scales(metrics, config.experiment, config.rows)
    table2 = tables.table2(metrics, paper, judgement, stands_for, scales)
    page = table_text.table2_page(
        table2,
        highlighter,
        paper,
        judgement=judgement,
        primary_network=config.primary_network,
        titles={name: row["title"] for rows in config.rows.values() for name, row in rows.items()},
        stands_for=stands_for,
    )
    files.write_table(outputs.table2_csv, pd.DataFrame(table2))
    files.write_text(outputs.table2_md, page)
    files.write_json(outputs.summary, tables.summary(table2, highlighter))


def _read(paths: tuple[Path, ...]) -> list[dict[str, Any]]:
    """The lines of several tables of the same columns."""
    records = [record for path in paths for record in files.read_table(path).to_dict("records")]
    return [{str(column): value for column, value in record.items()} for record in records]


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
