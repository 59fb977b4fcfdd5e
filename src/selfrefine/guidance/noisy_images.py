"""Photographs and fakes as a sampler meets them on its way: x_t of the base model's schedule, for a discriminator of
noisy images (`guidance.discriminator`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from selfrefine import networks
from selfrefine.core import pixels
from selfrefine.core.errors import InputError
from selfrefine.core.random_streams import image_noise
from selfrefine.diffusion import noise_schedule
from selfrefine.diffusion.forward_process import diffuse
from selfrefine.diffusion.noise_schedule import Schedule


@dataclass(frozen=True)
class NoisyImages:
    """Reads packed images as x_t; each image's time and noise come from its own stream.

    # Not in paper: times are uniform, because the network's own training draws them so; the source weights them.

    Args:
        schedule: of the base model, on the CPU.
        channels: of its images: 1 for grey ones, whose noise is grey, too.
    """

    schedule: Schedule
    channels: int

    def __call__(self, images: np.ndarray, streams: list[torch.Generator]) -> Tensor:
        """x_t (N, channels, H, W) float32 of images (N, H, W, 3) uint8, neither rounded nor clamped. Method 1.1."""
        clean = pixels.to_float(images, self.channels)
        times = torch.cat([self.schedule.draw(1, stream) for stream in streams])
        noise = image_noise(streams, tuple(clean.shape[1:]))
        return diffuse(clean, noise, self.schedule.alphas_cumprod_at(times))


def reader(folders: tuple[Path, ...], row: str) -> NoisyImages:
    """Reads images with the noise of a base model.

    Args:
        folders: its diffusers folder, alone.
        row: of highlighters in params.yaml, for errors.

    Raises:
        InputError: no such folder, or several.
    """
    if len(folders) != 1:
        raise InputError(
            f"params.yaml: train_highlighter.noised of highlighters.{row} is true, and {len(folders)} base models are "
            "given; one is needed, whose schedule makes images noisy"
        )
    pipeline = networks.load(folders[0], torch.device("cpu"))
    return NoisyImages(noise_schedule.of(pipeline), pipeline.unet.config.in_channels)
