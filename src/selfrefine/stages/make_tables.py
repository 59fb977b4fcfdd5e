"""Tables of an experiment: CSV, a page to read, every difference drawn, and the plain numbers for `dvc metrics`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.metrics import contrasts as metrics_contrasts
from selfrefine.report import dvc_metrics, families
from selfrefine.report.figures import dose_response as figures_dose_response
from selfrefine.report.figures import forest_plot, style
from selfrefine.report.figures import sweep as figures_sweep
from selfrefine.report.results import Measured, Refined, read
from selfrefine.report.seed_statistics import Judgement, Line
from selfrefine.report.tables import autoencoders as tables_autoencoders
from selfrefine.report.tables import (
    contrasts,
    contrasts_page,
    dose_response,
    map_validity,
    sweep,
    table1,
    table2,
    table3,
    table4,
    table5,
    table6,
    table7,
)


@dataclass(frozen=True)
class Config:
    """See params.yaml, make_tables; `select` and `rows` are what runs and its titles."""

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


@dataclass(frozen=True)
class Inputs:
    """Tidy metrics of all data sets, models and seeds; correlations of their maps; config and refreshes of every
    refinement, in one order; config, folder and round trip of every first stage; the paper's figures."""

    generation: tuple[Path, ...]
    highlighter: tuple[Path, ...]
    maps: tuple[Path, ...]
    correlations: tuple[Path, ...]
    readouts: tuple[Path, ...]
    inpainting: tuple[Path, ...]
    prompts: tuple[Path, ...]
    refined: tuple[Path, ...]
    refreshes: tuple[Path, ...]
    first_stages: tuple[Path, ...]
    autoencoders: tuple[Path, ...]
    round_trips: tuple[Path, ...]
    paper: Path


@dataclass(frozen=True)
class Outputs:
    """Each table as CSV and as page, first stages on that of Table 1; differences drawn; numbers of all as JSON."""

    table1_csv: Path
    table1_md: Path
    autoencoder_csv: Path
    table2_csv: Path
    table2_md: Path
    table3_csv: Path
    table3_md: Path
    table4_csv: Path
    table4_md: Path
    table5_csv: Path
    table5_md: Path
    table6_csv: Path
    table6_md: Path
    table7_csv: Path
    table7_md: Path
    maps_csv: Path
    maps_md: Path
    controls_csv: Path
    controls_md: Path
    sweep_csv: Path
    sweep_md: Path
    sweep: Path
    strength_csv: Path
    strength: Path
    forest: Path
    summary: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Assembles and writes the tables."""
    config, inputs, outputs = job.config, job.inputs, job.outputs
    measured = measured_of(job)
    networks = sorted({line["network"] for line in measured.metrics})
    if config.primary_network not in networks:
        raise InputError(
            f"params.yaml: make_tables.primary_network is {config.primary_network!r}; measured: {', '.join(networks)}"
        )
    highlighters = table6.lines(read(inputs.highlighter), measured.paper, measured.stands_for, measured.other_scales)
    rows = config.rows["highlighters"]  # one of them may have the name of a variant
    page = table6.page(highlighters, titles=measured.titles | {name: row["title"] for name, row in rows.items()})
    write(outputs.table6_csv, highlighters, table6.COLUMNS, outputs.table6_md, page)
    maps = map_validity.lines(
        read(inputs.correlations), read(inputs.maps), measured.runs, config.map_of, measured.other_scales
    )
    write(outputs.maps_csv, maps, map_validity.COLUMNS, outputs.maps_md, map_validity.page(maps, measured.titles))
    write_families(job, measured)
    write_paper_tables(outputs, measured)
    write_prompts(job, measured)
    write_inpainting(job, measured)
    write_contrasts(job, measured)
    write_sweep(job, measured)
    files.write_json(outputs.summary, dvc_metrics.summary(measured.whole, highlighters))


def measured_of(job: Job[Config, Inputs, Outputs]) -> Measured:
    """Reads what was measured."""
    config, inputs = job.config, job.inputs
    runs = [
        Refined(files.read_json(path), read((refreshes,)))
        for path, refreshes in zip(inputs.refined, inputs.refreshes, strict=True)
    ]
    judgement = Judgement(
        config.reference,
        config.equivalence_margin,
        config.minimum_seeds,
        config.primary_network,
        config.confirmatory,
        metrics_contrasts.second_samplers(config.rows["samplings"]),
    )
    return Measured(read(inputs.generation), read((inputs.paper,)), runs, judgement, config.experiment, config.rows)


def write_families(job: Job[Config, Inputs, Outputs], measured: Measured) -> None:
    """Writes the paper's table of model families, and how well their first stages reproduce images."""
    config, inputs, judgement = job.config, job.inputs, measured.judgement
    dataset = config.select["datasets"][0]
    table = table1.lines(measured.whole, measured.paper, judgement.reference, dataset, config.rows)
    page = table1.page(table, judgement=judgement, titles=measured.titles, rows=config.rows)
    stages = map(tables_autoencoders.FirstStageRun.read, inputs.first_stages, inputs.autoencoders)
    first = tables_autoencoders.lines(read(inputs.round_trips), stages)
    files.write_table(job.outputs.autoencoder_csv, pd.DataFrame(first, columns=tables_autoencoders.COLUMNS))
    page += tables_autoencoders.section(first, measured.titles)
    write(job.outputs.table1_csv, table, table1.COLUMNS, job.outputs.table1_md, page)


def write_paper_tables(outputs: Outputs, measured: Measured) -> None:
    """Writes the paper's tables of generated images: processes, data sets, maps."""
    judgement, paper, titles = measured.judgement, measured.paper, measured.titles
    of_mains = measured.of_mains
    second = table2.paper_rows(of_mains, paper, judgement)
    page = table2.table2_page(second, judgement=judgement, primary_network=judgement.primary_network, titles=titles)
    write(outputs.table2_csv, second, None, outputs.table2_md, page)
    third = table3.lines(of_mains, paper, judgement.reference, measured.stands_for)
    page = table3.page(third, judgement=judgement, titles=titles)
    write(outputs.table3_csv, third, table3.COLUMNS, outputs.table3_md, page)
    seventh = table7.lines(of_mains, paper, measured.runs_of_mains, measured.stands_for)
    page = table7.page(seventh, judgement=judgement, titles=titles)
    write(outputs.table7_csv, seventh, table7.COLUMNS, outputs.table7_md, page)


def write_prompts(job: Job[Config, Inputs, Outputs], measured: Measured) -> None:
    """Writes the paper's table of text-to-image."""
    judgement, outputs = measured.judgement, job.outputs
    metrics = read(job.inputs.prompts)
    fourth = table4.lines(measured.whole, metrics, measured.paper, judgement, job.config.rows)
    page = table4.page(fourth, judgement=judgement, titles=measured.titles)
    write(outputs.table4_csv, fourth, table4.COLUMNS, outputs.table4_md, page)


def write_inpainting(job: Job[Config, Inputs, Outputs], measured: Measured) -> None:
    """Writes the paper's table of inpainting."""
    judgement, outputs = measured.judgement, job.outputs
    metrics = read(job.inputs.inpainting)
    fifth = table5.lines(metrics, measured.paper, judgement, measured.stands_for, measured.other_scales)
    page = table5.page(fifth, judgement=judgement, titles=measured.titles)
    write(outputs.table5_csv, fifth, table5.COLUMNS, outputs.table5_md, page)


def write_contrasts(job: Job[Config, Inputs, Outputs], measured: Measured) -> None:
    """Writes every difference of two variants: as table, as page and drawn."""
    config, outputs, judgement, titles = job.config, job.outputs, measured.judgement, measured.titles
    metrics, runs = families.of_mains(measured.metrics, measured.mains), measured.runs_of_mains
    controls = contrasts.controls_of(runs)
    pairs = contrasts.pairs(config.select["variants"], judgement.reference, controls, config.rows["samplings"])
    found = judgement.contrasts(metrics, pairs)
    table = contrasts.lines(found, metrics, read(job.inputs.readouts), runs, measured.scales)
    page = contrasts_page.controls_page(table, found, controls, judgement=judgement, titles=titles)
    write(outputs.controls_csv, table, contrasts.COLUMNS, outputs.controls_md, page)
    arms = dose_response.lines(table, runs, judgement.reference)
    files.write_table(outputs.strength_csv, pd.DataFrame(arms, columns=dose_response.COLUMNS))
    with style.style():
        figure = figures_dose_response.strength_figure(arms, network=judgement.primary_network, titles=titles)
        files.write_figure(outputs.strength, figure)
        figure = forest_plot.forest_figure(table, margin=judgement.equivalence_margin, titles=titles)
        files.write_figure(outputs.forest, figure)


def write_sweep(job: Job[Config, Inputs, Outputs], measured: Measured) -> None:
    """Writes the paper's search space, of all models: a ratio of the phases is one."""
    outputs, judgement, titles = job.outputs, measured.judgement, measured.titles
    table = sweep.lines(measured.whole, measured.metrics, measured.runs, judgement.reference, job.config.rows)
    page = sweep.page(table, judgement=judgement, titles=titles)
    write(outputs.sweep_csv, table, sweep.COLUMNS, outputs.sweep_md, page)
    with style.style():
        files.write_figure(outputs.sweep, figures_sweep.sweep_figure(table, judgement=judgement, titles=titles))


def write(csv: Path, lines: Sequence[Line], columns: Sequence[str] | None, md: Path, page: str) -> None:
    """Writes a table twice: its lines, with these columns even where there is none, and the page to read."""
    files.write_table(csv, pd.DataFrame(lines, columns=None if columns is None else list(columns)))
    files.write_text(md, page)


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
