"""Figures: samples of every data set; maps, planted flaws and curves of the first one, its first model and seed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from selfrefine import files, map_figures, map_table, phase_figures, planted_figure, plotting, sample_figures
from selfrefine.runtime import Job, main

T = TypeVar("T")
PROCESSES = ("baseline", "forward", "reverse", "both")  # rows of the paper's Table 2; all others are drawn dashed


@dataclass(frozen=True)
class Config:
    """See params.yaml, make_figures; `rows` holds the titles of what is selected."""

    names: dict[str, str]
    experiment: str
    select: dict[str, Any]
    rows: dict[str, Any]
    n_images: int


@dataclass(frozen=True)
class Inputs:
    """Real test images of each data set and, by data set, samples of its variants; of the first data set: a file for
    each variant, `losses` beginning with the base's, and examples, correlations and means of maps."""

    photographs: tuple[Path, ...]
    samples: tuple[Path, ...]
    refined_maps: tuple[Path, ...]
    refreshes: tuple[Path, ...]
    examples: Path
    correlations: Path
    mean_maps: Path
    losses: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """Samples, flaw maps, planted flaws, compared maps, mFAM over the refreshes, loss curves."""

    figure4: Path
    figure8: Path
    planted: Path
    maps: Path
    mfam: Path
    loss: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Draws the figures."""
    config, inputs, outputs = job.config, job.inputs, job.outputs
    first = config.select["datasets"][0]
    titles = _titles(config, first)
    controls = {config.rows["variants"][row]["title"] for row in config.select["variants"] if row not in PROCESSES}
    examples = files.read_arrays(inputs.examples)
    maps = [files.read_array(path) for path in inputs.refined_maps]
    refreshes = [files.read_table(path) for path in inputs.refreshes]
    base_loss, *losses = [files.read_table(path) for path in inputs.losses]
    caption = _caption(config, first, maps[0].shape[1])
    with plotting.style():
        samples = sample_figures.samples_figure(_blocks(job), _scale(config))
        files.write_figure(outputs.figure4, samples)
        files.write_figure(outputs.figure8, plotting.flaw_maps_figure(examples["images"], examples["maps"], caption))
        planted = {name: examples[f"planted_{name}"] for name in ("images", "maps", "masks")}
        files.write_figure(outputs.planted, planted_figure.planted_flaws_figure(**planted, caption=caption))
        _draw_compared_maps(job, caption)
        by_refresh = phase_figures.refreshes_figure(_by(titles, maps), _by(titles, refreshes), caption, controls)
        files.write_figure(outputs.mfam, by_refresh)
        files.write_figure(outputs.loss, phase_figures.loss_figure(base_loss, _by(titles, losses), caption, controls))


def _blocks(job: Job[Config, Inputs, Outputs]) -> dict[str, dict[str, np.ndarray]]:
    """Title of a data set -> title of a row -> its first images, photographs first."""
    config, samples = job.config, iter(job.inputs.samples)
    blocks = {}
    for dataset, photographs in zip(config.select["datasets"], job.inputs.photographs, strict=True):
        rows = {sample_figures.PHOTOGRAPHS: photographs} | {title: next(samples) for title in _titles(config, dataset)}
        title = config.rows["datasets"][dataset]["title"]
        blocks[title] = {row: files.read_images(path)[: config.n_images] for row, path in rows.items()}
    return blocks


def _draw_compared_maps(job: Job[Config, Inputs, Outputs], caption: str) -> None:
    """Draws the mean maps and their correlations."""
    lines = [
        {str(column): value for column, value in line.items()}
        for line in files.read_table(job.inputs.correlations).to_dict("records")
    ]
    maps = map_figures.mean_maps(files.read_arrays(job.inputs.mean_maps))
    figure = map_figures.correlation_figure(lines, maps, map_table.TITLES, caption)
    files.write_figure(job.outputs.maps, figure)


def _titles(config: Config, dataset: str) -> list[str]:
    """Of the variants that run on a data set, of its first model."""
    return [config.rows["variants"][row]["title"] for row in _first_run(config, dataset)["variants"]]


def _first_run(config: Config, dataset: str) -> dict[str, Any]:
    """Steps and rows of the first selected model on a data set."""
    found: dict[str, Any] = config.rows["datasets"][dataset]["models"][config.select["models"][0]]
    return found


def _by(titles: list[str], values: list[T]) -> dict[str, T]:
    return dict(zip(titles, values, strict=True))


def _scale(config: Config) -> str:
    """Experiment, model and seed."""
    model, seed = (config.select[section][0] for section in ("models", "seeds"))
    return f"Experiment {config.experiment}: {config.rows['models'][model]['title']}, seed {seed}."


def _caption(config: Config, dataset: str, size: int) -> str:
    """Scale and seed, for under a figure of one data set."""
    base, refined = _first_run(config, dataset)["steps"]
    title = config.rows["datasets"][dataset]["title"]
    return f"{_scale(config)} {title} at {size} px, {base} base steps and {refined} of refinement."


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
