"""Tables of an experiment: CSV, a page to read, every difference drawn, and the plain numbers for `dvc metrics`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.metrics.contrasts import second_samplers
from selfrefine.report import dvc_metrics, results
from selfrefine.report.figures import dose_response as figures_dose_response
from selfrefine.report.figures import forest_plot, style
from selfrefine.report.figures import sweep as figures_sweep
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import Judgement
from selfrefine.report.tables import (
    autoencoders,
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

STAGES = ("generation", "highlighter", "correlations", "maps", "readouts", "inpainting", "prompts", "round_trips")
TABLES = {  # name of the files -> lines, page
    "table1": (table1.lines, table1.page),
    "table2": (table2.lines, table2.page),
    "table3": (table3.lines, table3.page),
    "table4": (table4.lines, table4.page),
    "table5": (table5.lines, table5.page),
    "table6": (table6.lines, table6.page),
    "table7": (table7.lines, table7.page),
    "maps": (map_validity.lines, map_validity.page),
    "controls": (contrasts.lines, contrasts_page.page),
    "sweep": (sweep.lines, sweep.page),
}


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
    """Assembles and writes the tables, those of the sweep and of controls also drawn."""
    found, outputs = read(job), job.outputs
    tables = {name: lines(found) for name, (lines, _) in TABLES.items()}
    pages = {name: TABLES[name][1](table, found) for name, table in tables.items()}
    for name, page in pages.items():
        files.write_table(getattr(outputs, f"{name}_csv"), tables[name])
        files.write_text(getattr(outputs, f"{name}_md"), page)
    files.write_table(outputs.autoencoder_csv, autoencoders.lines(found))
    strengths = dose_response.lines(tables["controls"], found)
    files.write_table(outputs.strength_csv, strengths)
    with style.style():
        files.write_figure(outputs.forest, forest_plot.forest_figure(tables["controls"], found))
        files.write_figure(outputs.strength, figures_dose_response.strength_figure(strengths, found))
        files.write_figure(outputs.sweep, figures_sweep.sweep_figure(tables["sweep"], found))
    files.write_json(outputs.summary, dvc_metrics.summary(found, tables["table6"]))


def read(job: Job[Config, Inputs, Outputs]) -> Results:
    """Reads all that was measured."""
    config, inputs = job.config, job.inputs
    metrics = results.read_metrics({stage: getattr(inputs, stage) for stage in STAGES})
    networks = sorted(metrics.loc[metrics["stage"] == "generation", "network"].unique())
    if config.primary_network not in networks:
        raise InputError(
            f"params.yaml: make_tables.primary_network is {config.primary_network!r}; measured: {', '.join(networks)}"
        )
    runs = zip(inputs.refined, inputs.refreshes, strict=True)
    first_stages = zip(inputs.first_stages, inputs.autoencoders, strict=True)
    return Results(
        metrics=metrics,
        runs=results.runs([(files.read_json(path), files.read_table(refreshes)) for path, refreshes in runs]),
        first_stages=results.first_stages(
            [(files.read_json(path), files.read_json(folder / "config.json")) for path, folder in first_stages]
        ),
        paper=files.read_table(inputs.paper),
        judgement=Judgement(
            config.reference,
            config.equivalence_margin,
            config.minimum_seeds,
            config.primary_network,
            config.confirmatory,
            second_samplers(config.rows["samplings"]),
        ),
        rows=config.rows,
        select=config.select,
        experiment=config.experiment,
        map_of=config.map_of,
    )


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
