"""A study of what people see (Figure 9): the folder of its page, and the maps that their picks are compared with."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from selfrefine import networks
from selfrefine.core import arrays, devices, files
from selfrefine.core.job import Job, main
from selfrefine.diffusion import autoencoder, noise_schedule, prompts
from selfrefine.evidence.planted_flaws import Patch
from selfrefine.evidence.self_disagreement import disagreement_maps
from selfrefine.highlighter import model as highlighter_model
from selfrefine.highlighter.model import Highlighter
from selfrefine.study import cell_maps, folder, trials
from selfrefine.study.folder import Study


@dataclass(frozen=True)
class Config:
    """See params.yaml, prepare_study; `run` names data set, model and seed of the images; `highlighters` those whose
    maps are compared, in the order of the inputs."""

    names: dict[str, str]
    run: dict[str, str]
    title: str
    device: str
    precision: str
    highlighters: tuple[str, ...]
    n_fakes: int
    grid: int
    n_generated: int
    n_repeats: int
    n_catch: int
    n_real: int
    n_practice: int
    patch_share: float
    patch_noise: float
    levels: tuple[float, ...]
    draws: int
    consent: str
    contact: str


@dataclass(frozen=True)
class Inputs:
    """Generated images, real test images, highlighters, the base model, and captions if it takes any; the files of the
    page, and the text of a consent that is not ours."""

    fake: Path
    test: Path
    highlighters: tuple[Path, ...]
    pipeline: Path
    captions: tuple[Path, ...]
    page: tuple[Path, ...]
    consent: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """The folder of the study; its generated images with the cells of their flaw maps, for Figure 9."""

    study: Path
    trials: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Chooses images, plants flaws, makes the maps and writes the folder."""
    config, inputs, seed = job.config, job.inputs, int(job.config.run["seed"])
    with devices.device(config.device) as device:
        dtype = devices.precision(config.precision, device)
        paths = dict(zip(config.highlighters, inputs.highlighters, strict=True))
        models = {name: highlighter_model.load(path, device) for name, path in paths.items()}
        draws = 1 + max(model.draw for model in models.values())
        fakes = trials.unseen(arrays.read_images(inputs.fake), config.n_fakes, draws, config.n_generated)
        numbers = trials.Numbers(**{name: getattr(config, name) for name in trials.Numbers.__annotations__})
        patch = Patch(config.patch_share, feather=0.0, blur=0.0, noise=config.patch_noise, warp=0.0)
        practice, shown = trials.made(fakes, arrays.read_images(inputs.test), numbers, patch, seed)
        maps = _maps(job, models, fakes, device, dtype)
    rows = trials.generated_rows(shown)
    ordered = {name: cells[rows] for name, cells in maps.items()}
    text = files.read_bytes(inputs.consent[0]).decode() if inputs.consent else ""
    study = Study(config.title, config.grid, practice, shown, ordered, text, config.contact)
    folder.write(job.outputs.study, study, Path(os.path.commonpath(inputs.page)))
    arrays.write_arrays(job.outputs.trials, {"images": fakes[rows], "cells": ordered["flaw"]})


def _maps(
    job: Job[Config, Inputs, Outputs],
    models: dict[str, Highlighter],
    fakes: np.ndarray,
    device: torch.device,
    dtype: torch.dtype,
) -> dict[str, np.ndarray]:
    """All maps of the generated images, as cells."""
    config, seed = job.config, int(job.config.run["seed"])
    pipeline, first = networks.load(job.inputs.pipeline, device), len(arrays.read_images(job.inputs.fake)) - len(fakes)
    disagreement = disagreement_maps(
        pipeline.unet,
        noise_schedule.of(pipeline),
        fakes,
        numbers=range(first, first + len(fakes)),
        levels=config.levels,
        draws=config.draws,
        seed=seed,
        dtype=dtype,
        codec=autoencoder.of(pipeline),
        captions=prompts.read(pipeline.unet, job.inputs.captions),
        label=f"{job.label} disagreement",
    )
    return {
        **cell_maps.of_highlighters(models, fakes, config.grid, seed=seed, dtype=dtype, label=job.label),
        **cell_maps.without_highlighter(fakes, config.grid),
        "disagreement": cell_maps.cells(disagreement, config.grid),
    }


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
