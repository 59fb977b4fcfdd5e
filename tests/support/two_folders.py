"""Two folders of images that differ by what a test plants: in what they show, or only in how they were saved."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Save = Callable[[np.ndarray, Path], object]  # an image (H, W, 3) uint8 and its path without the ending


def scenes(count: int, side: int, seed: int) -> np.ndarray:
    """(count, side, side, 3) uint8: clouds in colour whose neighbours are alike as in photographs; any seed's are."""
    draws = np.random.default_rng(seed)
    distance = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)) + 1.0 / side
    spectrum = np.fft.rfft2(draws.normal(size=(count, 3, side, side))) / distance**1.3
    waves = np.fft.irfft2(spectrum, s=(side, side))
    waves += waves.mean(axis=1, keepdims=True)  # channels of a photograph go together
    waves /= waves.std(axis=(2, 3), keepdims=True)
    levels = 128.0 + draws.normal(0.0, 15.0, (count, 3, 1, 1)) + draws.uniform(25.0, 45.0, (count, 1, 1, 1)) * waves
    return np.moveaxis(levels.clip(0, 255).round().astype(np.uint8), 1, 3)


def striped(images: np.ndarray) -> np.ndarray:
    """A flaw: every other row of a quarter is darker; which quarter differs."""
    made, half = images.copy(), images.shape[1] // 2
    for number, image in enumerate(made):
        top, left = half * (number % 2), half * (number // 2 % 2)
        image[top : top + half : 2, left : left + half] //= 2
    return made


def dark_rows(images: np.ndarray) -> np.ndarray:
    """A flaw that also random weights see: every other row is darker."""
    made = images.copy()
    made[:, ::2] //= 2
    return made


def png(**options: Any) -> Save:
    """Saves as PNG."""
    return lambda image, path: Image.fromarray(image).save(path.with_suffix(".png"), **options)


def jpeg(quality: int) -> Save:
    """Saves as JPEG."""
    return lambda image, path: Image.fromarray(image).save(path.with_suffix(".jpg"), quality=quality)


def write(folder: Path, images: np.ndarray, save: Save | None = None) -> Path:
    """A folder of these images."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        (save or png())(image, folder / f"{number:04d}")
    return folder


def easy(folder: Path, count: int = 40, side: int = 32) -> Mapping[str, Path]:
    """Folders `real` and `fake` that a few updates tell apart."""
    return {
        "real": write(folder / "real", scenes(count, side, 0)),
        "fake": write(folder / "fake", dark_rows(scenes(count, side, 1))),
    }
