"""Images of the base model that the highlighter learns from: the sampler and steps of a refresh, noise of their own."""

import math
from dataclasses import dataclass
from pathlib import Path

from selfrefine import networks
from selfrefine.core import devices, execution
from selfrefine.core.execution import Choice
from selfrefine.core.job import Job, main
from selfrefine.diffusion import autoencoder, noise_schedule, prompts, sampling


@dataclass(frozen=True)
class Config:
    """See params.yaml, generate_fakes."""

    names: dict[str, str]
    device: str
    precision: str
    channels_last: Choice
    compile: Choice
    map_steps: int
    n_images: int
    chunk_size: int


@dataclass(frozen=True)
class Inputs:
    """A diffusers folder; of text-to-image the embedded captions and the row of each training image."""

    pipeline: Path
    captions: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """The fakes, (n_images, H, W, 3) uint8."""

    images: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Samples images 0 ... n_images-1, as a refresh does without guidance; image i has the caption of photograph i."""
    config = job.config
    with job.scratch() as scratch, devices.device(config.device) as device:
        pipeline = networks.load(job.inputs.pipeline, device)
        execution.prepare(
            pipeline.unet, device, config, config.map_steps * math.ceil(config.n_images / config.chunk_size)
        )
        images = sampling.sample_images(
            pipeline.unet,
            noise_schedule.of(pipeline),
            scratch,
            label=job.label,
            seed=int(config.names["seed"]),
            purpose="highlighter_fakes",
            n_images=config.n_images,
            chunk_size=config.chunk_size,
            sampler="ddim",
            steps=config.map_steps,
            dtype=devices.precision(config.precision, device),
            codec=autoencoder.of(pipeline),
            captions=prompts.read(pipeline.unet, job.inputs.captions),
        )
        images.write(job.outputs.images)


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
