"""Between stored pixels (uint8) and what networks see ([-1, 1]): one scale and one rounding, for real and generated."""

import numpy as np
import torch
from torch import Tensor


def to_float(images: np.ndarray | Tensor) -> Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) float32 in [-1, 1]."""
    tensor = torch.from_numpy(np.ascontiguousarray(images)) if isinstance(images, np.ndarray) else images
    return tensor.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1.0


def to_uint8(images: Tensor) -> np.ndarray:
    """(N, 3, H, W) in [-1, 1] (values outside are clamped) to (N, H, W, 3) uint8 on the CPU, rounded to nearest."""
    return quantise(images).permute(0, 2, 3, 1).to("cpu", torch.uint8).contiguous().numpy()


def quantise(images: Tensor) -> Tensor:
    """(N, 3, H, W) in [-1, 1] to the float32 grey levels 0 ... 255 of the stored image, rounded to nearest."""
    return ((images.float() + 1.0) * 127.5).clamp(0.0, 255.0).round()
