"""How far bfloat16 moves the flaw maps of the same images, and their mean, which is what training uses."""

from collections.abc import Mapping

import numpy as np
import torch

from selfrefine.core import devices, random_streams
from selfrefine.cost import random_weights
from selfrefine.cost.bench_subject import SEED
from selfrefine.cost.bounded import Tell
from selfrefine.cost.clock import Line
from selfrefine.cost.network_speed import finite
from selfrefine.highlighter.gradcam import explain

MAPS = "maps"  # section
IMAGES = 16


def measure(sizes: Mapping[int, int], on: str, tell: Tell) -> None:
    """A line of MAPS for each size of images, by a highlighter with random weights.

    Args:
        sizes: px of images, and of what the highlighter resizes them to.
        on: a device by name, as of `devices.device`.
        tell: takes the lines.
    """
    with devices.device(on, "--device") as device:
        for size, input_size in sizes.items():
            model = random_weights.highlighter(input_size, SEED).to(device)
            images = rectangles(IMAGES, size)
            exact, short = (
                explain(model, images, [random_streams.stream(SEED, "readouts", row) for row in range(IMAGES)], dtype)
                for dtype in (torch.float32, torch.bfloat16)
            )
            tell(MAPS, {"size": size, "input_size": input_size, "images": IMAGES} | compared(exact, short))


def compared(exact: np.ndarray, short: np.ndarray) -> Line:
    """Two sets of maps of the same images, (N, S, S) float32 in [0, 1].

    Returns:
        `flat`, how many are constant in either; `r`, the lowest correlation of an image's two maps among the others,
        None of none; `difference`, the largest of a pixel; `mean_r` and `mean_difference`, the same of the mean maps.
    """
    pairs = list(zip(exact.reshape(len(exact), -1), short.reshape(len(short), -1), strict=True))
    correlations = [r for pair in pairs if (r := correlation(*pair)) is not None]
    return {
        "flat": len(pairs) - len(correlations),
        "r": min(correlations, default=None),
        "difference": finite(float(np.abs(exact - short).max())),
        "mean_r": correlation(exact.mean(axis=0).ravel(), short.mean(axis=0).ravel()),
        "mean_difference": finite(float(np.abs(exact.mean(axis=0) - short.mean(axis=0)).max())),
    }


def correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Pearson's r; None where either is constant or not finite."""
    if not min(one.std(), other.std()) > 0.0:
        return None
    return finite(float(np.corrcoef(one, other)[0, 1]))


def rectangles(n: int, size: int) -> np.ndarray:
    """Images that are no noise, always the same: a grey rectangle on black each, (n, size, size, 3) uint8."""
    draws = np.random.default_rng(SEED)
    images = np.zeros((n, size, size, 3), np.uint8)
    for image in images:
        top, left = draws.integers(0, size // 2, 2)
        image[top : top + size // 2, left : left + size // 2] = draws.integers(60, 256)
    return images
