"""Tables of an experiment: CSV, a page to read, every difference drawn, and the plain numbers for `dvc metrics`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from selfrefine import control_table, control_text, files, forest_plot, plotting, table7, table_text, tables
from selfrefine.control_table import Refined
from selfrefine.errors import InputError
from selfrefine.metrics import contrasts
from selfrefine.runtime import Job, main
from selfrefine.tables import Judgement, Line


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
    """Tidy metrics of all data sets, models and seeds; config and refreshes of every refinement, in one order; the
    paper's figures."""

    generation: tuple[Path, ...]
    highlighter: tuple[Path, ...]
    readouts: tuple[Path, ...]
    refined: tuple[Path, ...]
    refreshes: tuple[Path, ...]
    paper: Path


@dataclass(frozen=True)
class Outputs:
    """Table 2, the controls and Table 7, each twice; every difference drawn; numbers of all variants as JSON."""

    table2_csv: Path
    table2_md: Path
    controls_csv: Path
    controls_md: Path
    table7_csv: Path
    table7_md: Path
    forest: Path
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
    judgement = tables.Judgement(
        config.reference,
        config.equivalence_margin,
        config.minimum_seeds,
        config.primary_network,
        config.confirmatory,
        contrasts.second_samplers(config.rows["samplings"]),
    )
    stands_for = {name: row.get("stands_for", "") for name, row in config.rows["datasets"].items()}
    titles = {name: row["title"] for rows in config.rows.values() for name, row in rows.items()}
    scales = tables.scales(metrics, config.experiment, config.rows)
    whole = tables.table2(metrics, paper, judgement, stands_for, scales)
    table2 = tables.paper_rows(whole, paper, judgement)
    page = table_text.table2_page(
        table2,
        highlighter,
        paper,
        judgement=judgement,
        primary_network=config.primary_network,
        titles=titles,
        stands_for=stands_for,
    )
    runs = [
        Refined(files.read_json(path), _read((refreshes,)))
        for path, refreshes in zip(job.inputs.refined, job.inputs.refreshes, strict=True)
    ]
    others = table7.lines(whole, paper, runs, stands_for)
    files.write_table(outputs.table2_csv, pd.DataFrame(table2))
    files.write_text(outputs.table2_md, page)
    files.write_table(outputs.table7_csv, pd.DataFrame(others, columns=table7.COLUMNS))
    files.write_text(outputs.table7_md, table7.page(others, judgement=judgement, titles=titles))
    write_contrasts(job, metrics, runs, judgement, titles, scales)
    files.write_json(outputs.summary, tables.summary(whole, highlighter))


def write_contrasts(
    job: Job[Config, Inputs, Outputs],
    metrics: Sequence[Line],
    runs: Sequence[Refined],
    judgement: Judgement,
    titles: Mapping[str, str],
    scales: Mapping[tuple[str, str], str],
) -> None:
    """Writes every difference of two variants: as table, as page and drawn."""
    outputs, controls = job.outputs, control_table.controls_of(runs)
    variants, samplings = job.config.select["variants"], job.config.rows["samplings"]
    pairs = control_table.pairs(variants, judgement.reference, controls, samplings)
    found = judgement.contrasts(metrics, pairs)
    table = control_table.lines(found, metrics, _read(job.inputs.readouts), runs, scales)
    files.write_table(outputs.controls_csv, pd.DataFrame(table, columns=control_table.COLUMNS))
    files.write_text(
        outputs.controls_md,
        control_text.controls_page(table, found, controls, judgement=judgement, titles=titles),
    )
    with plotting.style():
        figure = forest_plot.forest_figure(table, margin=judgement.equivalence_margin, titles=titles)
        files.write_figure(outputs.forest, figure)


def _read(paths: tuple[Path, ...]) -> list[dict[str, Any]]:
    """The lines of several tables of the same columns."""
    records = [record for path in paths for record in files.read_table(path).to_dict("records")]
    return [{str(column): value for column, value in record.items()} for record in records]


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
