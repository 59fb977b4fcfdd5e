"""The autoencoder of a latent family: trained on the data set, or from a folder; how well it reproduces images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from selfrefine.core import arrays, devices, files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.diffusion import autoencoder as diffusion_autoencoder
from selfrefine.diffusion import latent_scale, unit_variance
from selfrefine.metrics import reconstruction
from selfrefine.training.autoencoder import AutoencoderTrainer, Settings

CURVE = ("step", "loss", "latent_term", "learning_rate")


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """See params.yaml, train_autoencoder; with a folder nothing is trained."""

    names: dict[str, str]
    device: str
    precision: str
    folder: str
    kind: diffusion_autoencoder.Kind
    network: dict[str, Any]
    unit_variance: bool
    n_images: int


@dataclass(frozen=True)
class Inputs:
    """Packed images: those of training, and held-out ones; config and weights of a given autoencoder, or nothing."""

    images: Path
    test: Path
    given: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """Diffusers folder of the autoencoder, loss curve (empty if nothing is trained), round trip of held-out images."""

    autoencoder: Path
    loss: Path
    metrics: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Trains or loads, scales the latents, measures."""
    config, curve = job.config, list[tuple[float, ...]]()
    images, test = (arrays.read_images(path) for path in (job.inputs.images, job.inputs.test))
    measured = images[: config.n_images]
    with job.scratch() as scratch, devices.device(config.device) as device:
        if job.inputs.given:
            unstated = 1.0 if config.unit_variance else None  # replaced below
            autoencoder = diffusion_autoencoder.load(job.inputs.given[0].parent, device, unstated)
            channels, wanted = autoencoder.config.in_channels, config.network["channels"]
            if channels != wanted:
                raise InputError(
                    f"{config.folder}: takes {channels} channels, but train_autoencoder.network.channels is {wanted}"
                )
        else:
            trainer = trained(config, images, scratch, device, job.label)
            autoencoder, curve = trainer.autoencoder, list(trainer.log)
            if config.unit_variance:
                unit_variance.centre(autoencoder, measured, device)
        if config.unit_variance:
            unit_variance.rescale(autoencoder, measured, device)
        check_latents(job, autoencoder, measured, device)
        survived = reconstruction.round_trip(autoencoder, test[: config.n_images], device, config.batch_size)
        names = {name: config.names[name] for name in ("dataset", "model", "seed")}
        counted = min(config.n_images, len(test))
        lines = [names | {"metric": name} | vars(value) | {"n_images": counted} for name, value in survived.items()]
        files.write_table(job.outputs.loss, pd.DataFrame(curve, columns=CURVE))
        files.write_table(job.outputs.metrics, pd.DataFrame(lines))
        diffusion_autoencoder.save(autoencoder, job.outputs.autoencoder)


def check_latents(job: Job[Config, Inputs, Outputs], autoencoder: Any, images: Any, device: torch.device) -> None:
    """Says what latents are multiplied by, where that is from, and how strong they then are.

    Raises:
        InputError: those of a given autoencoder are far from unit variance. One of our own was trained for hours, and
            `unit_variance` was chosen: it is only told.
    """
    config, scale = job.config, float(autoencoder.config.scaling_factor)
    spread = unit_variance.deviation(autoencoder, images, device)
    source = "measured" if config.unit_variance else "of its folder" if job.inputs.given else "not scaled"
    print(f"{job.label}: latents times {scale:.5g} ({source}): standard deviation {spread:.3g}", flush=True)
    try:
        latent_scale.check_deviation(spread, scale)
    except InputError as fault:
        if job.inputs.given:
            raise
        print(f"{job.label}: {fault}", flush=True)


def trained(config: Config, images: Any, scratch: Path, device: torch.device, label: str) -> AutoencoderTrainer:
    """The trainer after its last step."""
    seed = int(config.names["seed"])
    autoencoder = diffusion_autoencoder.build(config.kind, config.network, images.shape[1], seed).to(device)
    dtype = devices.precision(config.precision, device)
    trainer = AutoencoderTrainer(autoencoder, images, config, seed=seed, dtype=dtype)
    trainer.run(scratch, label)
    return trainer


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
