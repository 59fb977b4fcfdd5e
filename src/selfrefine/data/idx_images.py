"""Preparing photographs: IDX files, then pad, resize, one rounding; for training images and the metrics' real ones."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from selfrefine.core import files
from selfrefine.core.errors import DamagedError, InputError
from selfrefine.data import captions

UNSIGNED_BYTES = 0x08  # IDX code of the only element type that is read


@dataclass(frozen=True)
class Split:
    """Prepared images and what is known of each.

    Args:
        images: (N, size, size, 3) uint8.
        labels: whole numbers.
        captions: their words.
        sources: index or name of the original.
    """

    images: np.ndarray
    labels: Sequence[int]
    captions: Sequence[str]
    sources: Sequence[int] | Sequence[str]


def of_source(
    photographs: Path,
    labels: Path,
    classes: Sequence[str],
    *,
    kept: Sequence[str],
    size: int,
    pad: int,
    max_images: int,
    templates: Sequence[str],
) -> Split:
    """One split of a source: the first images of the chosen classes, captioned; indices as sources.

    Args:
        photographs: its IDX file of grey squares.
        labels: their IDX file.
        classes: name of each label.
        kept: the chosen ones; none chosen are all.
        size: side of the images, px.
        pad: black border added on each side before resizing, px.
        max_images: at most so many.
        templates: of their captions, see `captions.of_classes`.

    Raises:
        InputError: files that do not belong together or to the classes.
    """
    images, numbers = read_idx_images(photographs), read_idx_labels(labels)
    if len(images) != len(numbers):
        raise DamagedError(photographs, f"{len(images)} images, but {len(numbers)} labels in {labels}")
    if numbers.max(initial=0) >= len(classes):
        raise InputError(f"{labels}: label {numbers.max()} given, its source has 0 ... {len(classes) - 1}")
    chosen = of_classes(numbers, classes, kept)[:max_images]
    words = captions.of_classes([classes[number] for number in numbers[chosen]], chosen.tolist(), templates)
    return Split(prepare(images[chosen], size, pad), numbers[chosen].tolist(), words, chosen.tolist())


def of_classes(labels: np.ndarray, names: Sequence[str], kept: Sequence[str]) -> np.ndarray:
    """Indices of the images whose class is among `kept`, in order; of all if none is named.

    Args:
        labels: (N,) uint8, each an index of `names`.
        names: all classes.
        kept: some of them.

    Raises:
        InputError: a name that is no class.
    """
    for name in kept:
        if name not in names:
            raise InputError(f"params.yaml: prepare_data.classes names {name}; known: {', '.join(names)}")
    return np.flatnonzero(np.isin(labels, [names.index(name) for name in kept or names]))


def read_idx_images(path: Path) -> np.ndarray:
    """Grey images of an IDX file: (N, H, W) uint8.

    Raises:
        InputError: another format, or a file that is cut off.
    """
    return _read_idx(path, dimensions=3)


def read_idx_labels(path: Path) -> np.ndarray:
    """Labels of an IDX file: (N,) uint8.

    Raises:
        InputError: another format, or a file that is cut off.
    """
    return _read_idx(path, dimensions=1)


def _read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Two zero bytes, type, number of dimensions, each dimension as big-endian uint32, then the elements."""
    content = files.read_bytes(path)
    expected = bytes((0, 0, UNSIGNED_BYTES, dimensions))
    if content[:4] != expected:
        raise InputError(f"{path}: begins with {content[:4].hex()}, an IDX file of this kind with {expected.hex()}")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DamagedError(path, "cut off in its header")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    elements = np.frombuffer(content, np.uint8, offset=start)
    if elements.size != math.prod(shape):
        raise DamagedError(path, f"{elements.size} bytes after the header, {shape} needs {math.prod(shape)}")
    return elements.reshape(shape)


def prepare(images: np.ndarray, size: int, pad: int) -> np.ndarray:
    """Grey photographs as training images.

    Args:
        images: (N, S, S) uint8.
        size: side of the result, px.
        pad: black border added on each side before resizing, px.

    Returns:
        (N, size, size, 3) uint8, the three channels equal.

    Raises:
        InputError: images that are not square.
    """
    if images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise InputError(f"images of shape {images.shape} given, (N, S, S) needed: grey and square")
    prepared = np.empty((len(images), size, size), np.uint8)
    for index, image in enumerate(images):
        prepared[index] = resize(np.pad(image, pad), size)
    return np.repeat(prepared[..., None], 3, axis=3)


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """A grey image (S, S) in [0, 255] as (size, size) uint8: the area average, rounded once to nearest (ties to even).

    In float, since PIL rounds 8-bit images twice: after each axis.
    """
    # Not in paper: PIL's BOX filter, because the paper names no kernel; this one is an exact mean where S is a multiple
    # of size, and two kernels in one study would be a shortcut for the highlighter and a floor of FID (method 4).
    averaged = Image.fromarray(image.astype(np.float32)).resize((size, size), Image.Resampling.BOX)
    return np.asarray(averaged).round().clip(0, 255).astype(np.uint8)
