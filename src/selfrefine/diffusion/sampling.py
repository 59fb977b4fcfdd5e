"""Samplers and the sampling of many images: fixed chunks, one stream of random numbers per image, resumable."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfrefine.core import chunks, devices, pixels, random_streams
from selfrefine.core.chunks import Made
from selfrefine.diffusion import prompts
from selfrefine.diffusion.autoencoder import LatentCodec
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.diffusion.prompts import Captions
from selfrefine.diffusion.samplers import SAMPLERS, Sampler
from selfrefine.diffusion.sde_samplers import Streams


@torch.no_grad()
def sample_chunk(
    network: Any,
    schedule: Schedule,
    streams: Streams,
    *,
    sampler: Sampler,
    steps: int,
    dtype: torch.dtype,
    codec: LatentCodec | None = None,
) -> Tensor:
    """One image per stream, (N, C, H, W) float32 in [-1, 1] on the network's device, without any guidance map.

    Args:
        network: a diffusers network that predicts noise; its config tells the shape of an image.
        schedule: of its pipeline.
        streams: one generator per image; x_T and all later noise of an image come from its own.
        sampler: which sampler.
        steps: network evaluations.
        dtype: what the network computes in.
        codec: of its pipeline; decodes, in float32, what a latent one makes.
    """
    device, shape = network.device, network.config
    noisy = random_streams.image_noise(list(streams), (shape.in_channels, shape.sample_size, shape.sample_size)).to(
        device
    )
    with devices.autocast(device, dtype):
        made = SAMPLERS[sampler](network, schedule, noisy, steps, streams)
    return made if codec is None else codec.decode(made)


def sample_images(
    network: Any,
    schedule: Schedule,
    scratch: Path,
    *,
    label: str,
    seed: int,
    purpose: random_streams.Purpose,
    n_images: int,
    chunk_size: int,
    sampler: Sampler,
    steps: int,
    dtype: torch.dtype,
    codec: LatentCodec | None = None,
    captions: Captions | None = None,
    guidance_scale: float = 1.0,
) -> Made:
    """Samples images 0 ... n_images-1 of a purpose: (n_images, H, W, 3) uint8; of captions image i has that of image i.

    In chunks, whose bytes depend on no order of work and which a killed job need not make again.
    """
    network.eval()

    def chunk(numbers: np.ndarray) -> np.ndarray:
        """The images of these numbers."""
        images = sample_chunk(
            prompts.prompted(network, captions, numbers.tolist(), guidance_scale),
            schedule,
            [random_streams.stream(seed, purpose, number) for number in numbers.tolist()],
            sampler=sampler,
            steps=steps,
            dtype=dtype,
            codec=codec,
        )
        return pixels.to_uint8(images)

    return Made(chunks.in_chunks(chunk, n_images, scratch, label=label, chunk_size=chunk_size), n_images)
