"""Which part of an image is to be inpainted: wide and narrow holes after LaMa, alternating lines.

LaMa's published parameters (Suvorov et al. 2022; method 5.4) are lengths at 256 px, scaled to the image. A mask is
(H, W) uint8: 255 where a pixel is known, 0 in a hole, between them only where masks are box-averaged as in the authors'
code. No mask is ever seen in training.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from selfrefine.core import random_streams
from selfrefine.core.errors import InputError

Kind = Literal["wide", "narrow", "alternating"]
# Drawn at the image's own size and binary (paper mode), or at 256 px and box-averaged (the authors' loader).
Resolution = Literal["native", "box256"]

KNOWN = 255
PUBLISHED_SIZE = 256  # px that all lengths below are of
SHORTEST, THINNEST = 10, 5  # px of a line, that what is drawn for it is added to
LARGEST_HOLE = 0.5  # share of the image
MARGIN = 10  # px between a box and the border
SMALLEST_BOX, LARGEST_BOX = 30, 150  # px, both included


@dataclass(frozen=True)
class Strokes:
    """LaMa's `irregular_kwargs`: how many strokes, both ends included; lines are shorter and thinner than these, px."""

    fewest: int
    most: int
    length: int
    width: int


# LaMa's random_thick_256 and random_thin_256; the highest count is one more than in those files, as its code adds 1.
STROKES: dict[Kind, Strokes] = {"wide": Strokes(1, 6, 200, 100), "narrow": Strokes(4, 51, 40, 10)}
# Of wide masks 1 / 1.3 have strokes, the others boxes.
STROKE_SHARE: dict[Kind, float] = {"wide": 1.0 / 1.3, "narrow": 1.0}
MOST_LINES, MOST_BOXES, MOST_RADIANS = 5, 3, 3  # of a stroke; in an image; of a line, before 0.01 is added


def first_masks(kind: Kind, resolution: Resolution, size: int, n: int, seed: int) -> np.ndarray:
    """Masks of images 0 ... n-1, (n, size, size) uint8: image i always gets the same one.

    Args:
        kind, resolution: see the types.
        size: of the images, px.
        n: images.
        seed: of the run.

    Raises:
        InputError: an unknown kind or resolution, or a size that 256 px cannot be averaged to.
    """
    rows = [draw(kind, resolution, size, random_streams.stream(seed, "masks", image)) for image in range(n)]
    return np.stack(rows) if rows else np.zeros((0, size, size), np.uint8)


def draw(kind: Kind, resolution: Resolution, size: int, draws: torch.Generator) -> np.ndarray:
    """One mask, (size, size) uint8.

    Args:
        kind, resolution, size: as in `first_masks`.
        draws: what decides it; alternating lines draw nothing.
    """
    if resolution == "native":
        return np.where(hole(kind, size, draws), 0, KNOWN).astype(np.uint8)
    if resolution != "box256":
        raise InputError(f"params.yaml: inpaint_images.resolution is {resolution!r}; allowed: native, box256")
    if PUBLISHED_SIZE % size:
        raise InputError(
            f"params.yaml: inpaint_images.resolution is box256, but {PUBLISHED_SIZE} px are no multiple of the images' "
            f"{size} px; set it to native"
        )
    block = PUBLISHED_SIZE // size
    known = np.where(hole(kind, PUBLISHED_SIZE, draws), 0.0, KNOWN)
    averaged: np.ndarray = known.reshape(size, block, size, block).mean(axis=(1, 3))
    return np.floor(averaged + 0.5).astype(np.uint8)  # of alternating lines 128 everywhere: a share of 0.502


def hole(kind: Kind, size: int, draws: torch.Generator) -> np.ndarray:
    """(size, size) bool: true in the hole, which takes at most half of the image.

    LaMa proposes five and keeps one at random of those that are small enough; so long as there is one, that is as good
    as the first such proposal.
    """
    if kind == "alternating":
        return np.broadcast_to((np.arange(size) % 2 == 1)[:, None], (size, size))
    if kind not in STROKES:
        raise InputError(f"params.yaml: inpaint_images.kind is {kind!r}; allowed: alternating, {', '.join(STROKES)}")
    while True:
        found = propose(kind, size, draws)[0]
        if 0.0 < found.mean() <= LARGEST_HOLE:
            return found


def propose(kind: Kind, size: int, draws: torch.Generator) -> tuple[np.ndarray, bool]:
    """A hole of any size, (size, size) bool, and whether it is made of strokes; else of boxes."""
    by_strokes = float(torch.rand((), generator=draws)) < STROKE_SHARE[kind]
    found = np.zeros((size, size), bool)
    if by_strokes:
        for _ in range(_integer(STROKES[kind].fewest, STROKES[kind].most, draws)):
            _draw_stroke(found, STROKES[kind], draws)
    else:
        for _ in range(_integer(1, MOST_BOXES, draws)):
            _draw_box(found, draws)
    return found, by_strokes


def _draw_stroke(found: np.ndarray, strokes: Strokes, draws: torch.Generator) -> None:
    """Marks a chain of thick lines from a random place."""
    place = np.array([_integer(0, PUBLISHED_SIZE - 1, draws) for _ in range(2)], float)
    for number in range(_integer(1, MOST_LINES, draws)):
        angle = 0.01 + _integer(0, MOST_RADIANS, draws)
        angle = -angle if number % 2 == 0 else angle
        length = SHORTEST + _integer(0, strokes.length - 1, draws)
        width = _drawn_width(THINNEST + _integer(0, strokes.width - 1, draws))
        end = (place + length * np.array([math.cos(angle), math.sin(angle)])).clip(0.0, PUBLISHED_SIZE)
        _draw_line(found, place, end, width)
        place = end


def _drawn_width(thickness: int) -> float:
    """How wide OpenCV, with which LaMa draws, makes a line of this thickness: measured, 6.5 px of 5 and of 6."""
    return 2.0 * math.ceil(thickness / 2) + 0.5


def _draw_line(found: np.ndarray, start: np.ndarray, end: np.ndarray, width: float) -> None:
    """Marks the pixels whose centres lie within half the width of a line; all lengths in px of 256.

    Not in paper: at least one pixel wide, since a thinner line would fall apart where 256 px become a few.
    """
    size, scale = len(found), len(found) / PUBLISHED_SIZE
    start, end, reach = start * scale, end * scale, max(width * scale, 1.0) / 2.0
    low = np.floor(np.minimum(start, end) - reach).clip(0, size).astype(int)
    high = np.ceil(np.maximum(start, end) + reach).clip(0, size).astype(int)
    rows, columns = np.mgrid[low[0] : high[0], low[1] : high[1]] + 0.5
    along = end - start
    share = (rows - start[0]) * along[0] + (columns - start[1]) * along[1]
    share = (share / max(float(along @ along), 1e-12)).clip(0.0, 1.0)
    distance = np.hypot(rows - start[0] - share * along[0], columns - start[1] - share * along[1])
    found[low[0] : high[0], low[1] : high[1]] |= distance <= reach


def _draw_box(found: np.ndarray, draws: torch.Generator) -> None:
    """Marks a box that keeps its distance from the border."""
    spans = []
    for _ in range(2):
        side = _integer(SMALLEST_BOX, LARGEST_BOX, draws)
        start = _integer(MARGIN, PUBLISHED_SIZE - MARGIN - side, draws)
        low, high = (round(edge * len(found) / PUBLISHED_SIZE) for edge in (start, start + side))
        spans.append(slice(low, high))
    found[tuple(spans)] = True


def _integer(low: int, high: int, draws: torch.Generator) -> int:
    """A whole number from low to high, both included."""
    return int(torch.randint(low, high + 1, (), generator=draws))
