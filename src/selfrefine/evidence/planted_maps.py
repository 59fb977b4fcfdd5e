"""The flaw maps of images with planted flaws, a few images at a time, so that their number takes no memory."""

import numpy as np
import torch

from selfrefine.core.names import KINDS
from selfrefine.evidence import planted_flaws, pointing_game
from selfrefine.evidence.planted_flaws import Patch, Planted
from selfrefine.highlighter.gradcam import CELL, cell_evidence
from selfrefine.highlighter.model import Highlighter

CHUNK = 64  # images explained together


def plant(ground: np.ndarray, fakes: np.ndarray, patch: Patch, seed: int, rows: np.ndarray) -> Planted:
    """As `planted_flaws.plant`, one image at a time: torch lays out as many copies of an image as its blur has taps,
    372 MiB at 256 px.
    """
    each = [planted_flaws.plant(ground, fakes, patch, seed, row) for row in rows[:, None]]
    images = {kind: np.concatenate([one.images[kind] for one in each]) for kind in KINDS}
    return Planted(images, np.concatenate([one.masks for one in each]))


def evidence(
    model: Highlighter, ground: np.ndarray, fakes: np.ndarray, patch: Patch, seed: int, dtype: torch.dtype
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Grad-CAM before its ReLU of every image of `ground` with each kind of patch.

    Args:
        model: the highlighter behind the maps.
        ground: real images that no network has seen, (n, H, W, 3) uint8.
        fakes: generated images that no highlighter has seen, (m, H, W, 3) uint8.
        patch: what is planted.
        seed: of the run.
        dtype: in which the highlighter calculates.

    Returns:
        Kind of patch -> (n, S, S); and how much of each cell the patch fills, (n, S, S) in [0, 1].
    """
    side = model.input_size // CELL
    maps: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    filled = []
    for start in range(0, len(ground), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(ground)))
        here = plant(ground, fakes, patch, seed, rows)
        filled.append(pointing_game.cells(here.masks, side).reshape(-1, side, side))
        for kind in KINDS:
            streams = planted_flaws.dither_streams(rows, seed)
            maps[kind].append(cell_evidence(model, here.images[kind], streams, dtype))
    return {kind: np.concatenate(parts) for kind, parts in maps.items()}, np.concatenate(filled)
