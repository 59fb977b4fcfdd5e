"""Base phase: trains a diffusion model as usual and keeps all that the refinement phase forks from."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from selfrefine import networks
from selfrefine.core import arrays, devices, execution, files
from selfrefine.core.execution import Choice
from selfrefine.core.job import Job, main
from selfrefine.diffusion import autoencoder as diffusion_autoencoder
from selfrefine.diffusion import noise_schedule, prompts
from selfrefine.pretrained import text_encoder
from selfrefine.training import loop
from selfrefine.training.settings import Settings
from selfrefine.training.trainer import Trainer


@dataclass(frozen=True)
class Config:
    """See params.yaml, train_base."""

    names: dict[str, str]
    device: str
    precision: str
    channels_last: Choice
    compile: Choice
    family: str
    pretrained: str
    network: dict[str, Any]
    diffusion: dict[str, Any]
    steps: int
    batch_size: int
    gradient_accumulation: int
    gradient_checkpointing: bool
    learning_rate: float
    weight_decay: float
    betas: tuple[float, ...]
    warmup_steps: int
    decay_at: float
    decay_factor: float
    max_gradient_norm: float
    ema_decay: float
    horizontal_flip: bool
    caption_dropout: float
    checkpoint_every: int
    log_every: int


@dataclass(frozen=True)
class Inputs:
    """Packed training images; of a latent family their latents and the diffusers folder of the autoencoder; of
    text-to-image the embedded captions with the row of each image, and the folder of the text encoder. Config and
    weights of a network that training begins with; none for random weights.
    """

    images: Path
    latents: tuple[Path, ...]
    autoencoder: tuple[Path, ...]
    captions: tuple[Path, ...]
    text_encoder: tuple[Path, ...]
    pretrained: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """Diffusers folder of the EMA weights, training state for the fork, loss curve."""

    pipeline: Path
    state: Path
    loss: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Trains `steps` updates from initial weights."""
    config, seed = job.config, int(job.config.names["seed"])
    images = arrays.read_images(job.inputs.images)
    shared = {
        field.name: getattr(config, field.name) for field in dataclasses.fields(Settings) if field.name != "base_steps"
    }
    settings = Settings(**shared, base_steps=config.steps)
    pipeline = networks.build(
        config.family, config.network, config.diffusion, images.shape[1], seed, **given_parts(job.inputs)
    )
    data = diffusion_autoencoder.training_set(diffusion_autoencoder.of(pipeline), images, job.inputs.latents)
    for weights in job.inputs.pretrained[1:]:
        networks.begin_with(pipeline.unet, weights)
    captions = prompts.read(pipeline.unet, job.inputs.captions, len(images))
    if captions is not None:  # whoever samples from a prompt cuts it as these were cut
        pipeline.tokenizer.model_max_length = captions.tokens
    with job.scratch() as scratch, devices.device(config.device) as device:
        dtype = devices.precision(config.precision, device)
        pipeline.to(device)
        execution.prepare(pipeline.unet, device, config, config.steps)
        trainer = Trainer(
            pipeline.unet, noise_schedule.of(pipeline), data, settings, seed=seed, dtype=dtype, captions=captions
        )
        loop.run_phase(
            trainer,
            scratch,
            label=job.label,
            first_step=0,
            last_step=config.steps,
            checkpoint_every=config.checkpoint_every,
            log_every=config.log_every,
        )
        metadata = {"step": trainer.step, "settings": dataclasses.asdict(settings)}
        arrays.write_tensors(job.outputs.state, trainer.tensors(), metadata)
        files.write_table(job.outputs.loss, pd.DataFrame(loop.log_columns(trainer)))
        with trainer.ema_weights():
            networks.save(pipeline, job.outputs.pipeline)


def given_parts(inputs: Inputs) -> dict[str, Any]:
    """The parts of the pipeline that are not trained here, by name."""
    parts: dict[str, Any] = {}
    for folder in inputs.autoencoder:
        parts["autoencoder"] = diffusion_autoencoder.load(files.check_folder(folder), torch.device("cpu"))
    for folder in inputs.text_encoder:
        parts["text_encoder"] = text_encoder.load(folder)
    return parts


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
