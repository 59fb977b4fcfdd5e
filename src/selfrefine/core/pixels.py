"""Between stored pixels (uint8) and what networks see ([-1, 1]): one scale and one rounding, for real and generated.

Stored images always have three channels; a network of grey images sees and makes one, stored as three equal ones.
"""

import math

import numpy as np
import torch
from torch import Tensor

from selfrefine.core.errors import InputError

MOMENTS_CHUNK = 3 * 2**20  # bytes of images read together: 4,096 of 16 px, 16 of 256 px


def to_float(images: np.ndarray, channels: int = 3) -> Tensor:
    """(N, H, W, 3) uint8 to (N, channels, H, W) float32 in [-1, 1]; one channel is that of three equal ones.

    Raises:
        InputError: one channel of colours, which would be the red one.
    """
    if channels == 1 and (images != images[..., :1]).any():
        raise InputError(
            "images in colour given, but the network has 1 channel; make them grey first (a folder's: prepare_data."
            "channels: 1 in params.yaml), or take a network of 3"
        )
    packed = torch.from_numpy(np.array(images[..., :channels]))  # a copy: torch warns of memory it may not write to
    return packed.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1.0


def training_images(packed: np.ndarray, channels: int) -> Tensor:
    """x_0 of packed images as `to_float` makes it, or of latents, (N, c, h, w) float16, the same as float32."""
    if packed.dtype == np.uint8:
        return to_float(packed, channels)
    return torch.from_numpy(packed.astype(np.float32))


def to_uint8(images: Tensor) -> np.ndarray:
    """(N, C, H, W) in [-1, 1], C 1 or 3, to (N, H, W, 3) uint8 on the CPU; rounded to nearest, clamped outside."""
    return quantise(images).permute(0, 2, 3, 1).to("cpu", torch.uint8).contiguous().numpy()


def quantise(images: Tensor) -> Tensor:
    """(N, C, H, W) in [-1, 1], C 1 or 3, to (N, 3, H, W): the grey levels 0 ... 255 of the stored images, float32."""
    return ((images.float() + 1.0) * 127.5).clamp(0.0, 255.0).round().expand(-1, 3, -1, -1)


def moments(images: np.ndarray, horizontal_flip: bool) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of stored images at each pixel, (3, H, W) float32 each, in units of [-1, 1].

    Args:
        images: (N, H, W, 3) uint8, may be memory-mapped.
        horizontal_flip: count each image mirrored, too.
    """
    total = torch.zeros((2, 3, *images.shape[1:3]), dtype=torch.float64)
    together = max(1, MOMENTS_CHUNK // math.prod(images.shape[1:]))
    for start in range(0, len(images), together):
        part = to_float(images[start : start + together]).cpu().double()
        total += torch.stack([part.sum(dim=0), part.square().sum(dim=0)])
    mean, square = total / len(images)
    if horizontal_flip:  # half of the images are mirrored
        mean, square = ((moment + moment.flip(-1)) / 2 for moment in (mean, square))
    return mean.float(), (square - mean**2).clamp(min=0.0).sqrt().float()
