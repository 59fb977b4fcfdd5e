"""The best scale of a network's predicted noise: the one whose images are nearest to training photographs.

The images come from noise of their own: those that are reported have no part in the choice, nor have test photographs.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfrefine import networks
from selfrefine.core import arrays, devices, execution, files
from selfrefine.core.execution import Choice
from selfrefine.core.job import Job, main
from selfrefine.core.mirrored import Packed, as_trained
from selfrefine.diffusion import autoencoder, noise_schedule, prompts, samplers, sampling
from selfrefine.guidance import noise_scale
from selfrefine.metrics import features, frechet


@dataclass(frozen=True)
class Config:
    """See params.yaml, choose_eps_scale; how it samples is that of generate_samples, and distances are in the features
    of make_tables.primary_network.
    """

    names: dict[str, str]
    device: str
    precision: str
    channels_last: Choice
    compile: Choice
    scales: tuple[float, ...]
    n_images: int
    batch_size: int
    sampler: samplers.Sampler
    steps: int
    chunk_size: int
    guidance_scale: float
    primary_network: str
    horizontal_flip: bool


@dataclass(frozen=True)
class Inputs:
    """A diffusers folder; of text-to-image embedded captions and the row of each training image; training photographs;
    weights of the feature network, in a folder of their name.
    """

    pipeline: Path
    captions: tuple[Path, ...]
    photographs: Path
    weights: Path


@dataclass(frozen=True)
class Outputs:
    """A line for each scale: its FD to the photographs, and whether it was chosen."""

    scales: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Samples with every scale, from the same noise, and measures."""
    config, inputs = job.config, job.inputs
    extractor = features.extractor(config.primary_network, {inputs.weights.parent.name: inputs.weights})
    photographs = as_trained(arrays.read_images(inputs.photographs)[: config.n_images], config.horizontal_flip)
    with job.scratch() as scratch, devices.device(config.device) as device:
        pipeline = networks.load(inputs.pipeline, device)
        passes = config.steps * math.ceil(config.n_images / config.chunk_size) * (len(config.scales) + 1)
        execution.prepare(pipeline.unet, device, config, passes)
        schedule, codec = noise_schedule.of(pipeline), autoencoder.of(pipeline)
        captions = prompts.read(pipeline.unet, inputs.captions)

        def gaussian(images: Packed, label: str) -> frechet.Gaussian:
            return frechet.gaussian(
                features.extract(extractor, images, batch_size=config.batch_size, device=device, label=label)
            )

        reference = gaussian(photographs, f"{job.label} photographs")

        def distance(scale: float) -> float:
            label = f"{job.label} x {scale:g}"
            images = sampling.sample_images(
                noise_scale.scaled(pipeline.unet, scale),
                schedule,
                scratch / f"{scale:g}",
                label=label,
                seed=int(config.names["seed"]),
                purpose="eps_scale",
                n_images=config.n_images,
                chunk_size=config.chunk_size,
                sampler=config.sampler,
                steps=config.steps,
                dtype=devices.precision(config.precision, device),
                codec=codec,
                captions=captions,
                guidance_scale=config.guidance_scale,
            )
            return frechet.frechet_distance(gaussian(images.array(), label), reference)

        table = noise_scale.choice(distance, config.scales)
        about: dict[str, Any] = {**config.names, "n_images": len(photographs), "network": config.primary_network}
        files.write_table(job.outputs.scales, table.assign(**about))


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
