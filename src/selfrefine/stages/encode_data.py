"""Latents of the training images, once for every job that trains on them."""

from dataclasses import dataclass
from pathlib import Path

from selfrefine.core import arrays, devices, files
from selfrefine.core.job import Job, main
from selfrefine.diffusion import autoencoder as diffusion_autoencoder
from selfrefine.diffusion.autoencoder import LatentCodec


@dataclass(frozen=True)
class Config:
    """See params.yaml, encode_data."""

    names: dict[str, str]
    device: str
    chunk_size: int


@dataclass(frozen=True)
class Inputs:
    """Packed training images, the diffusers folder of an autoencoder."""

    images: Path
    autoencoder: Path


@dataclass(frozen=True)
class Outputs:
    """Latents of all images in their order, (N, c, h, w) float16, times the scaling factor of the autoencoder."""

    latents: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Encodes all images; in float32, since it happens once."""
    config, images = job.config, arrays.read_images(job.inputs.images)
    with job.scratch() as scratch, devices.device(config.device) as device:
        stage = LatentCodec(diffusion_autoencoder.load(files.check_folder(job.inputs.autoencoder), device))
        latents = diffusion_autoencoder.encode_images(
            stage, images, scratch, device, label=job.label, chunk_size=config.chunk_size
        )
        latents.write(job.outputs.latents)


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
