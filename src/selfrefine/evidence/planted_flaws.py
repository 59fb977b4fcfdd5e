"""Flaws whose place is known: patches planted into real test images, to see whether a flaw map finds them (method 5.7).

The main test is a piece of a generated image against a piece of another real one, at the same place with the same
feathered edge: a seam alone may give a patch away, so only the difference of the two says that flaws are seen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from selfrefine.core.errors import InputError
from selfrefine.core.names import FAKE_SPLICE, KINDS, REAL_SPLICE
from selfrefine.core.random_streams import stream

BLUR_REACH = 3  # standard deviations after which a Gaussian is cut off


@dataclass(frozen=True)
class Patch:
    """What is planted: evaluate_highlighter in params.yaml.

    Args:
        share: side of the square, as a share of the image's.
        feather: width of its soft edge, as a share of its side, up to a half.
        blur: standard deviation of the Gaussian, as a share of its side.
        noise: standard deviation, in grey levels of 255.
        warp: degrees by which its middle is turned.
    """

    share: float
    feather: float
    blur: float
    noise: float
    warp: float


@dataclass(frozen=True)
class Planted:
    """The same k real images with each kind of patch, (k, H, W, 3) uint8, and where it is: (k, H, W) in [0, 1]."""

    images: dict[str, np.ndarray]
    masks: np.ndarray


def plant(ground: np.ndarray, fakes: np.ndarray, patch: Patch, seed: int, rows: np.ndarray | None = None) -> Planted:
    """Plants one patch of each kind into the images `rows`, all at the same uniformly random place inside it.

    Args:
        ground: real images that no network has seen, (n, H, W, 3) uint8, n >= 2. Each also lends a patch to another.
        fakes: generated images that no highlighter has seen, (m, H, W, 3) uint8; used again and again where m < n.
        patch: what is planted.
        seed: of the run; image i draws from its own stream.
        rows: (k,) which of `ground`, None for all: a few at a time, since a patch takes many times an image's memory.

    Raises:
        InputError: fewer than two images, or a patch of no pixel.
    """
    count, height, width = ground.shape[:3]
    rows = np.arange(count) if rows is None else rows
    sides = round(patch.share * height), round(patch.share * width)
    if count < 2 or not all(sides):
        raise InputError(
            f"params.yaml: evaluate_highlighter.n_planted gives {count} images of {height} x {width} px, patch_share "
            f"({patch.share}) patches of {sides[0]} x {sides[1]} px; 2 images and 1 px needed"
        )
    streams = [stream(seed, "planted_flaws", 2 * int(image)) for image in rows]
    masks = torch.stack([_mask((height, width), sides, patch.feather, draws) for draws in streams])
    own = _levels(ground[rows])
    noise = torch.stack([torch.randn(own.shape[1:], generator=draws, dtype=own.dtype) for draws in streams])
    signs = torch.stack([torch.randint(0, 2, (), generator=draws) for draws in streams]) * 2 - 1
    planted = {
        FAKE_SPLICE: _levels(fakes[rows % len(fakes)]),
        REAL_SPLICE: _levels(ground[(rows - count // 2) % count]),  # no image lends to itself
        "blur": _blurred(own, patch.blur * sides[0]),
        "noise": own + patch.noise * noise,
        "warp": _turned(own, masks, signs * math.radians(patch.warp)),
    }
    soft = masks[:, None]
    images = {kind: _packed((1.0 - soft) * own + soft * planted[kind]) for kind in KINDS}
    return Planted(images, masks.numpy())


def dither_streams(rows: np.ndarray, seed: int) -> list[torch.Generator]:
    """Fresh streams for the dither of the images: the same for every kind of patch, so that only the patch differs."""
    return [stream(seed, "planted_flaws", 2 * int(image) + 1) for image in rows]


def _levels(images: np.ndarray) -> Tensor:
    """(n, H, W, 3) uint8 to (n, 3, H, W) float64 grey levels."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).double()


def _packed(levels: Tensor) -> np.ndarray:
    """The way back, rounded and clamped."""
    return levels.round().clamp(0.0, 255.0).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def _mask(size: Sequence[int], sides: Sequence[int], feather: float, draws: torch.Generator) -> Tensor:
    """(H, W) float64: 1 inside a square at a random place, falling to 0 along its edge, 0 outside."""
    profiles = []
    for length, side in zip(size, sides, strict=True):
        first = int(torch.randint(0, length - side + 1, (), generator=draws))
        middle = torch.arange(side, dtype=torch.float64) + 0.5
        inwards = torch.minimum(middle, side - middle)  # px from the edge to the middle of a pixel
        ramp = (inwards / (feather * side)).clamp(max=1.0) if feather else torch.ones(side, dtype=torch.float64)
        profiles.append(F.pad(ramp, (first, length - side - first)))
    return profiles[0][:, None] * profiles[1]


def _blurred(levels: Tensor, deviation: float) -> Tensor:
    """Gaussian blur by `deviation` px; beyond the border the image is repeated."""
    if not deviation:
        return levels
    reach = math.ceil(BLUR_REACH * deviation)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / deviation) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(levels.flatten(0, 1)[:, None], (reach,) * 4, mode="replicate")
    across = F.conv2d(padded, kernel.view(1, 1, 1, -1))
    return F.conv2d(across, kernel.view(1, 1, -1, 1)).view_as(levels)


def _turned(levels: Tensor, masks: Tensor, angles: Tensor) -> Tensor:
    """Each image turned about the middle of its mask, by its angle times the mask: a whirl that leaves no seam."""
    count, _, height, width = levels.shape
    rows, columns = torch.meshgrid(
        *(torch.arange(side, dtype=torch.float64) for side in (height, width)), indexing="ij"
    )
    weight = masks.sum(dim=(1, 2))
    middle = [((masks * places).sum(dim=(1, 2)) / weight).view(count, 1, 1) for places in (rows, columns)]
    down, across = rows - middle[0], columns - middle[1]
    turn = masks * angles.view(count, 1, 1)
    y = middle[0] + turn.cos() * down - turn.sin() * across
    x = middle[1] + turn.sin() * down + turn.cos() * across
    grid = torch.stack([(2.0 * x + 1.0) / width - 1.0, (2.0 * y + 1.0) / height - 1.0], dim=-1)
    return F.grid_sample(levels, grid, mode="bilinear", padding_mode="border", align_corners=False)
