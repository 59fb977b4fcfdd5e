"""The maps that people's picks are compared with, as cells of a study's grid (method 12)."""

from collections.abc import Mapping

import numpy as np
import torch

from selfrefine.core import pixels
from selfrefine.evidence import compared_maps, pointing_game
from selfrefine.guidance import control_maps
from selfrefine.highlighter.model import Highlighter

GAUSSIAN, EDGE = "gaussian_center", "edge"


def of_highlighters(
    models: Mapping[str, Highlighter], images: np.ndarray, grid: int, *, seed: int, dtype: torch.dtype, label: str
) -> dict[str, np.ndarray]:
    """The maps of highlighters.

    Args:
        models: by name.
        images: (n, H, H, 3) uint8.
        grid: cells a side.
        seed: of the run.
        dtype: what the convolutions compute in.
        label: of the lines of progress.

    Returns:
        By name, (n, grid, grid) float32: means over cells.
    """
    side = images.shape[1:3]
    found = {}
    for name, model in models.items():
        maps = compared_maps.single_maps(
            model, images, compared_maps.FAKES, seed=seed, dtype=dtype, label=f"{label} {name}"
        )
        found[name] = cells(maps.single.reshape(-1, *side), grid)
    return found


def without_highlighter(images: np.ndarray, grid: int) -> dict[str, np.ndarray]:
    """Where the middle is, and where Canny finds edges; arguments and result as of `of_highlighters`."""
    levels = pixels.quantise(pixels.to_float(images))
    centre = control_maps.gaussian_center(images.shape[1]).cpu().numpy().reshape(1, *images.shape[1:3])
    edges = control_maps.single_edges(levels).cpu().numpy().reshape(-1, *images.shape[1:3])
    return {GAUSSIAN: np.repeat(cells(centre, grid), len(images), axis=0), EDGE: cells(edges, grid)}


def cells(maps: np.ndarray, grid: int) -> np.ndarray:
    """Means of (n, S, S) over the cells of a grid: (n, grid, grid) float32."""
    return pointing_game.cells(maps, grid).reshape(-1, grid, grid).astype(np.float32)
