"""Test images with a hole, filled by RePaint: every variant gets the same masks and noise, and no map."""

import math
from dataclasses import dataclass
from pathlib import Path

from selfrefine import networks
from selfrefine.core import arrays, devices, execution
from selfrefine.core.errors import InputError
from selfrefine.core.execution import Choice
from selfrefine.core.job import Job, main
from selfrefine.diffusion import inpainting_masks, noise_schedule, repaint
from selfrefine.diffusion.repaint import Resampling


@dataclass(frozen=True)
class Config:
    """See params.yaml, inpaint_images; kind and resolution are those of a row of `masks`."""

    names: dict[str, str]
    device: str
    precision: str
    channels_last: Choice
    compile: Choice
    kind: inpainting_masks.Kind
    resolution: inpainting_masks.Resolution
    n_images: int
    steps: int
    jump_length: int
    jump_samples: int
    step_samples: int
    chunk_size: int


@dataclass(frozen=True)
class Inputs:
    """A diffusers folder; real test images, which no training has seen."""

    pipeline: Path
    photographs: Path


@dataclass(frozen=True)
class Outputs:
    """Results with the known pixels pasted back, and as the network made them, (n_images, H, W, 3) uint8; the masks,
    (n_images, H, W) uint8, 255 where a pixel is known."""

    images: Path
    raw: Path
    masks: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Inpaints test images 0 ... n_images-1."""
    config, outputs = job.config, job.outputs
    photographs = arrays.read_images(job.inputs.photographs)
    if len(photographs) < config.n_images:
        raise InputError(
            f"{job.inputs.photographs} holds {len(photographs)} images; lower inpaint_images.n_images in params.yaml, "
            f"now {config.n_images}"
        )
    images, seed = photographs[: config.n_images], int(config.names["seed"])
    known = inpainting_masks.first_masks(config.kind, config.resolution, images.shape[1], len(images), seed)
    with job.scratch() as scratch, devices.device(config.device) as device:
        resampling = Resampling(config.steps, config.jump_length, config.jump_samples, config.step_samples)
        pipeline = networks.load(job.inputs.pipeline, device)
        execution.prepare(
            pipeline.unet, device, config, resampling.evaluations() * math.ceil(config.n_images / config.chunk_size)
        )
        raw = repaint.inpaint_images(
            pipeline.unet,
            noise_schedule.of(pipeline),
            images,
            known,
            scratch,
            label=job.label,
            seed=seed,
            resampling=resampling,
            chunk_size=config.chunk_size,
            dtype=devices.precision(config.precision, device),
        )
        arrays.write_array(outputs.masks, known)
        arrays.write_array(outputs.raw, raw)
        arrays.write_array(outputs.images, repaint.paste(images, raw, known))


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
