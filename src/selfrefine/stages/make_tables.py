"""Tables of an experiment: CSV, a page to read, every difference drawn, and the plain numbers for `dvc metrics`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfrefine.core import files
from selfrefine.core.job import Job, main
from selfrefine.report import dvc_metrics, machines, of_config
from selfrefine.report.figures import dose_response as figures_dose_response
from selfrefine.report.figures import forest_plot, planted_sizes, style
from selfrefine.report.figures import sweep as figures_sweep
from selfrefine.report.tables import autoencoders, dose_response, noise_scale
from selfrefine.report.tables.every_table import TABLES, page_of


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
    refinement, in one order; config, folder and round trip of every first stage; scales of the noise that were tried;
    what people picked in each study; the paper's figures."""

    generation: tuple[Path, ...]
    highlighter: tuple[Path, ...]
    maps: tuple[Path, ...]
    correlations: tuple[Path, ...]
    readouts: tuple[Path, ...]
    inpainting: tuple[Path, ...]
    prompts: tuple[Path, ...]
    refined: tuple[Path, ...]
    refreshes: tuple[Path, ...]
    autoencoder_configs: tuple[Path, ...]
    autoencoders: tuple[Path, ...]
    round_trips: tuple[Path, ...]
    scales: tuple[Path, ...]
    studies: tuple[Path, ...]
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
    table_study_csv: Path
    table_study_md: Path
    noise_scale_csv: Path
    sweep_csv: Path
    sweep_md: Path
    sweep: Path
    planted_sizes: Path
    strength_csv: Path
    strength: Path
    forest: Path
    summary: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Assembles and writes the tables; those of the sweep, of controls and of planted flaws also drawn."""
    found, outputs = of_config.read(job.config, vars(job.inputs)), job.outputs
    tables = {name: lines(found) for name, (lines, _) in TABLES.items()}
    paths = [path for given in vars(job.inputs).values() for path in (given if isinstance(given, tuple) else (given,))]
    mixed = machines.behind(paths)
    pages = {name: page_of(name, table, found, mixed) for name, table in tables.items()}
    for name, table in tables.items():
        files.write_table(getattr(outputs, f"{name}_csv"), table)
        files.write_text(getattr(outputs, f"{name}_md"), pages[name])
    files.write_table(outputs.autoencoder_csv, autoencoders.lines(found))
    files.write_table(outputs.noise_scale_csv, noise_scale.lines(found))
    strengths = dose_response.lines(tables["controls"], found)
    files.write_table(outputs.strength_csv, strengths)
    with style.style():
        files.write_figure(outputs.forest, forest_plot.forest_figure(tables["controls"], found))
        files.write_figure(outputs.strength, figures_dose_response.strength_figure(strengths, found))
        files.write_figure(outputs.sweep, figures_sweep.sweep_figure(tables["sweep"], found))
        files.write_figure(outputs.planted_sizes, planted_sizes.sizes_figure(tables["table6"], found))
    files.write_json(outputs.summary, dvc_metrics.summary(found, tables["table6"], mixed))


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
