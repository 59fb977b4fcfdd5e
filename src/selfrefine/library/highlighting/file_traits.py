"""What tells a file apart without a look at what it shows: its size, its format, traces of resizing, its colours.

A highlighter that can go by these needs to see no flaw (method 11.1), so each is tried alone (`shortcuts`).
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from selfrefine.core import files
from selfrefine.data import image_decoding

# Numbers of a file, by the check that they belong to.
TRAITS = {
    "resize": ("log_side", "log_aspect", "interpolation", "interpolation_by_two"),
    "compression": ("is_jpeg", "is_png", "luma_table", "chroma_table", "blockiness"),
    "size": ("log_pixels", "log_bytes_of_content"),
    "colour": ("red", "green", "blue", "spread_red", "spread_green", "spread_blue", "saturation"),
}
NUMBERS = tuple(name for names in TRAITS.values() for name in names)
BLOCK = 8  # px of a block of JPEG
CROP = 512  # px of the native image, from its upper left corner, where the blocks of JPEG begin
SAVED = 256  # px of the corner that is saved again, for the bytes that its content takes
LEAST = 4 * BLOCK  # px of a side from which traces of resizing are looked for
SMALLEST = 1e-6  # of a magnitude, before its logarithm
FORMATS = (*image_decoding.FORMATS, *image_decoding.BY_ENDING.values())


def of_file(path: Path, image: np.ndarray) -> np.ndarray:
    """The numbers of a file in the order of NUMBERS, (len(NUMBERS),) float64.

    Args:
        path: of an image that `image_decoding.read` has read.
        image: what that made of it, (S, S, 3) uint8: its colours are what the highlighter sees.
    """
    content = files.read_bytes(path)
    with Image.open(io.BytesIO(content), formats=FORMATS) as stored:
        width, height, kind = *stored.size, str(stored.format)
        tables = getattr(stored, "quantization", None) or {}
        grey = np.asarray(stored.crop((0, 0, min(width, CROP), min(height, CROP))).convert("L"), np.float64)
    luma, chroma = (float(np.mean(tables[place])) if place in tables else 0.0 for place in (0, 1))
    lines = (grey, grey.T)
    found = [
        [
            np.log(min(width, height)),
            np.log(width / height),
            *np.mean([_interpolation(part) for part in lines], axis=0),
        ],
        [kind == "JPEG", kind == "PNG", luma, chroma, np.mean([_blockiness(part) for part in lines])],
        # What a noisy image takes more than a smooth one is no matter of how it was saved.
        [np.log(width * height), np.log(len(content) / (width * height) / _bytes_as_png(grey))],
        [*image.mean(axis=(0, 1)), *image.std(axis=(0, 1)), np.mean(np.ptp(image, axis=2))],
    ]
    return np.concatenate([np.asarray(part, np.float64) for part in found])


def columns(check: str) -> slice:
    """Where the numbers of a check lie among NUMBERS."""
    first = NUMBERS.index(TRAITS[check][0])
    return slice(first, first + len(TRAITS[check]))


def _bytes_as_png(grey: np.ndarray) -> float:
    """What a pixel of the corner takes as a grey PNG."""
    corner, stream = grey[:SAVED, :SAVED].astype(np.uint8), io.BytesIO()
    Image.fromarray(corner).save(stream, format="PNG")
    return stream.tell() / corner.size


def _blockiness(grey: np.ndarray) -> float:
    """How much more neighbours differ across the borders of JPEG's blocks than inside, as a logarithm; 0 if equally."""
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=0)
    border = np.arange(len(steps)) % BLOCK == BLOCK - 1
    if not border.any():
        return 0.0
    return float(np.log((steps[border].mean() + 0.5) / (steps[~border].mean() + 0.5)))


def _interpolation(grey: np.ndarray) -> tuple[float, float]:
    """Traces of an enlargement: second differences that come and go with a period (Gallagher 2005), as logarithms.

    Returns:
        the highest peak at a period that is none of JPEG's blocks; and that of period two less those of the blocks.
    """
    side = grey.shape[1] // BLOCK * BLOCK
    if side < LEAST:
        return 0.0, 0.0
    bends = np.abs(2.0 * grey[:, 1:-1] - grey[:, :-2] - grey[:, 2:]).mean(axis=0)
    bends = np.pad(bends, 1, mode="edge")[:side]
    peaks = np.abs(np.fft.rfft(bends - bends.mean()))
    heights = np.log((peaks + SMALLEST) / (np.median(peaks) + SMALLEST))
    step = side // BLOCK
    others = heights.copy()
    others[:step] = -np.inf  # what an image shows, not how it was enlarged
    for place in range(step, len(others), step):
        others[max(0, place - 1) : place + 2] = -np.inf
    return float(others.max()), float(heights[4 * step] - max(heights[step], heights[3 * step]))
