"""Figures 4 and 8, the maps over the refinement, the loss curves: of the first selected data set, model and seed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from selfrefine import files, plotting
from selfrefine.runtime import Job, main

T = TypeVar("T")


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
    """One file per selected variant, in their order; `losses` begin with the base's."""

    samples: tuple[Path, ...]
    refined_maps: tuple[Path, ...]
    refreshes: tuple[Path, ...]
    examples: Path
    losses: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """Samples, flaw maps, mFAM over the refreshes, loss curves."""

    figure4: Path
    figure8: Path
    mfam: Path
    loss: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Draws the four figures."""
    config, inputs, outputs = job.config, job.inputs, job.outputs
    titles = [config.rows["variants"][variant]["title"] for variant in config.select["variants"]]
    samples = [files.read_images(path)[: config.n_images] for path in inputs.samples]
    examples = files.read_arrays(inputs.examples)
    maps = [files.read_array(path) for path in inputs.refined_maps]
    refreshes = [files.read_table(path) for path in inputs.refreshes]
    base_loss, *losses = [files.read_table(path) for path in inputs.losses]
    caption = _caption(config, samples[0].shape[1], [int(table["step"].iloc[-1]) for table in (base_loss, losses[0])])
    with plotting.style():
        files.write_figure(outputs.figure4, plotting.samples_figure(_by(titles, samples), caption))
        files.write_figure(outputs.figure8, plotting.flaw_maps_figure(examples["images"], examples["maps"], caption))
        files.write_figure(outputs.mfam, plotting.refreshes_figure(_by(titles, maps), _by(titles, refreshes), caption))
        files.write_figure(outputs.loss, plotting.loss_figure(base_loss, _by(titles, losses), caption))


def _by(titles: list[str], values: list[T]) -> dict[str, T]:
    return dict(zip(titles, values, strict=True))


def _caption(config: Config, size: int, ends: list[int]) -> str:
    """Scale and seed, for under every figure; `ends` are the last steps of the two phases."""
    dataset, model, seed = (config.select[section][0] for section in ("datasets", "models", "seeds"))
    return (
        f"Experiment {config.experiment}: {config.rows['datasets'][dataset]['title']} at {size} px, "
        f"{config.rows['models'][model]['title']}, {ends[0]} base steps and {ends[1] - ends[0]} of refinement, "
        f"seed {seed}."
    )


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
