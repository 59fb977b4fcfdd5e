"""How alike pairs of stored images are, pixel by pixel and window by window: scikit-image's measures."""

import math

import numpy as np
from skimage.metrics import mean_squared_error, structural_similarity

from selfrefine.core.errors import InputError

WINDOW = 7  # px of SSIM's uniform window (scikit-image's default; method 5.4)
LEVELS = 255.0


def psnr(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each pair, dB, (N,) float64.

    # Not in paper: equal images get what one grey level in one value would give, because infinity has no mean.

    Args:
        images, others: (N, H, W, 3) uint8.
    """
    errors = [mean_squared_error(one, other) for one, other in zip(images, others, strict=True)]
    least = 1.0 / math.prod(images.shape[1:])
    found: np.ndarray = 10.0 * np.log10(LEVELS**2 / np.maximum(errors, least))
    return found


def ssim(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Structural similarity of each pair, (N,) float64: mean over whole windows and channels. Wang et al. 2004.

    Args:
        images, others: (N, H, W, 3) uint8, of at least 7 px.

    Raises:
        InputError: smaller images.
    """
    if min(images.shape[1:3]) < WINDOW:
        raise InputError(f"images of {images.shape[2]} x {images.shape[1]} px; SSIM needs {WINDOW} px or more")
    pairs = zip(images, others, strict=True)
    return np.array(
        [structural_similarity(*pair, win_size=WINDOW, data_range=LEVELS, channel_axis=-1) for pair in pairs]
    )
