"""Preparing photographs: IDX files, then pad, resize, one rounding; for training images and the metrics' real ones."""

import math
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from selfrefine import files
from selfrefine.errors import InputError

UNSIGNED_BYTES = 0x08  # IDX code of the only element type that is read


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
        raise InputError(f"{path}: cut off in its header; delete it and run the same command")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    elements = np.frombuffer(content, np.uint8, offset=start)
    if elements.size != math.prod(shape):
        raise InputError(
            f"{path}: {elements.size} bytes after the header, {shape} needs {math.prod(shape)}; "
            "delete it and run the same command"
        )
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
    """A grey image (S, S) uint8 as (size, size) uint8: the area average, rounded once to nearest (ties to even).

    In float, since PIL rounds 8-bit images twice: after each axis.
    """
    # Not in paper: PIL's BOX filter, because the paper names no kernel; this one is an exact mean where S is a multiple
    # of size, and two kernels in one study would be a shortcut for the highlighter and a floor of FID (method 4).
    averaged = Image.fromarray(image.astype(np.float32)).resize((size, size), Image.Resampling.BOX)
    return np.asarray(averaged).round().clip(0, 255).astype(np.uint8)
