"""Images that are measured: image i of every variant from the same noise, without any map but in untrained controls."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfrefine import networks
from selfrefine.core import devices, execution
from selfrefine.core.execution import Choice
from selfrefine.core.job import Job, main
from selfrefine.diffusion import autoencoder, noise_schedule, prompts, samplers, sampling
from selfrefine.guidance import discriminator, guide_network, noise_scale, untrained_controls


@dataclass(frozen=True)
class Config:
    """See params.yaml, generate_samples; correction, best scale and guides are of rows of `samplings` alone."""

    names: dict[str, str]
    device: str
    precision: str
    channels_last: Choice
    compile: Choice
    n_images: int
    sampler: samplers.Sampler
    steps: int
    chunk_size: int
    guidance_scale: float
    correction: untrained_controls.Correction
    eps_scale: float | Literal["best"]
    guide_scale: float
    discriminator_scale: float


@dataclass(frozen=True)
class Inputs:
    """A diffusers folder; for a correction, maps, mean map and config of the refinement that it is taken from; for the
    best scale of the noise, its choice; the network or the discriminator that guides it, if one does; of text-to-image
    the embedded captions and the row of each test image.
    """

    pipeline: Path
    map: tuple[Path, ...]
    scales: tuple[Path, ...]
    guide: tuple[Path, ...]
    discriminator: tuple[Path, ...]
    captions: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """The samples, (n_images, H, W, 3) uint8."""

    images: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Samples images 0 ... n_images-1; of captions image i has that of test image i."""
    config, row = job.config, job.config.names["variant"]
    scale = noise_scale.chosen(job.inputs.scales, row) if config.eps_scale == "best" else config.eps_scale
    with job.scratch() as scratch, devices.device(config.device) as device:
        pipeline = networks.load(job.inputs.pipeline, device)
        guide = guide_network.load(job.inputs.guide, device, config.guide_scale, row)
        judge = discriminator.load(job.inputs.discriminator, device, config.discriminator_scale, row)
        for unet in (pipeline.unet, *([] if guide is None else [guide])):
            execution.prepare(unet, device, config, config.steps * math.ceil(config.n_images / config.chunk_size))
        schedule = noise_schedule.of(pipeline)
        with untrained_controls.corrected(pipeline.unet, schedule, config.correction, job.inputs.map, row) as network:
            guided = guide_network.guided(network, guide, config.guide_scale)
            guided = discriminator.guided(guided, judge, schedule, config.discriminator_scale)
            images = sampling.sample_images(
                noise_scale.scaled(guided, scale),
                schedule,
                scratch,
                label=job.label,
                seed=int(config.names["seed"]),
                purpose="evaluation",
                n_images=config.n_images,
                chunk_size=config.chunk_size,
                sampler=config.sampler,
                steps=config.steps,
                dtype=devices.precision(config.precision, device),
                codec=autoencoder.of(pipeline),
                captions=prompts.read(pipeline.unet, job.inputs.captions),
                guidance_scale=config.guidance_scale,
            )
        images.write(job.outputs.images)


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
