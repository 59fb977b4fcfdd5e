"""Latents of an autoencoder at mean 0 and unit variance, as measured on images. Method 5.1, LDM."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfrefine.core import pixels
from selfrefine.core.errors import InputError
from selfrefine.diffusion.autoencoder import LatentCodec

TOGETHER = 32  # images that are encoded at a time: of 256 px they take gigabytes, and thousands fit no memory


def latents(autoencoder: Any, images: np.ndarray, device: torch.device) -> Tensor:
    """Scaled latents, (N, c, h, w) float64 on the processor, of images, (N, H, W, 3) uint8."""
    codec = LatentCodec(autoencoder)
    batches = (images[start : start + TOGETHER] for start in range(0, len(images), TOGETHER))
    encoded = (codec.encode(pixels.to_float(batch, codec.channels).to(device)) for batch in batches)
    return torch.cat([part.cpu().double() for part in encoded])


def deviation(autoencoder: Any, images: np.ndarray, device: torch.device) -> float:
    """The standard deviation of the scaled latents of images, as `latents` takes them, over all their elements."""
    return float(latents(autoencoder, images, device).std())


def centre(autoencoder: Any, images: np.ndarray, device: torch.device) -> None:
    """Moves the latents so that each channel has mean 0 over images, as `latents` takes them; they decode as before.

    The 1x1 convolutions beside the latents take the shift, and a codebook goes along: the config needs no key for it.

    # Not in paper: LDM leaves the mean, because it trains for long; samples start at mean 0, and a short training
    # spends its steps on the way from there.
    """
    mean = latents(autoencoder, images, device).mean(dim=(0, 2, 3))
    shift = (mean / autoencoder.config.scaling_factor).float().to(device)
    with torch.no_grad():
        autoencoder.quant_conv.bias[: len(shift)] -= shift  # of KL the first half is the mean
        if hasattr(autoencoder, "quantize"):
            autoencoder.quantize.embedding.weight -= shift
        after = autoencoder.post_quant_conv
        after.bias += after.weight[:, :, 0, 0] @ shift


def rescale(autoencoder: Any, images: np.ndarray, device: torch.device) -> None:
    """Sets the scaling factor of the config to 1 / the standard deviation of the latents, as `latents` takes images.

    LDM's convention, which takes one batch; the mean stays where it is.

    Raises:
        InputError: latents that are all equal, or not finite.
    """
    autoencoder.register_to_config(scaling_factor=1.0)
    spread = deviation(autoencoder, images, device)
    if not 0.0 < spread < math.inf:
        raise InputError(
            f"latents of {len(images)} images have a standard deviation of {spread}; a number above 0 needed"
        )
    autoencoder.register_to_config(scaling_factor=1.0 / spread)
