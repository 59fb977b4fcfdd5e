"""Images that are measured: sampled without any map, image i of every variant from the same noise."""

from dataclasses import dataclass
from pathlib import Path

from selfrefine import files, networks, runtime, sampling
from selfrefine.runtime import Job, main


@dataclass(frozen=True)
class Config:
    """See params.yaml, generate_samples."""

    names: dict[str, str]
    device: str
    precision: str
    n_images: int
    sampler: sampling.Sampler
    steps: int
    chunk_size: int


@dataclass(frozen=True)
class Inputs:
    """A diffusers folder."""

    pipeline: Path


@dataclass(frozen=True)
class Outputs:
    """The samples, (n_images, H, W, 3) uint8."""

    images: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Samples images 0 ... n_images-1."""
    config = job.config
    with job.scratch() as scratch, runtime.device(config.device) as device:
        pipeline = networks.load(job.inputs.pipeline, device)
        images = sampling.sample_images(
            pipeline.unet,
            pipeline.scheduler.alphas_cumprod,
            scratch,
            label=job.label,
            seed=int(config.names["seed"]),
            purpose="evaluation",
            n_images=config.n_images,
            chunk_size=config.chunk_size,
            sampler=config.sampler,
            steps=config.steps,
            dtype=runtime.precision(config.precision, device),
        )
        files.write_array(job.outputs.images, images)


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
