"""One photograph of any common format, mode and shape as a training image."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.data import idx_images

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # no others: PIL starts programs for some
DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # modes of 16-bit grey
BACKGROUNDS = {"white": 255.0, "black": 0.0}


def read(path: Path, size: int, background: str) -> tuple[np.ndarray, int]:
    """The upright photograph's largest centred square, resized as all images are.

    Of an animation the first frame, of a file of several pages the first page.

    Args:
        path: the file.
        size: side of the result, px.
        background: key of BACKGROUNDS: what transparent pixels lie on.

    Returns:
        (size, size, 3) uint8, and the side of the square before resizing, px.

    Raises:
        InputError: what is wrong with the file, without its name.
    """
    square = centre_square(pixels(decode(path), background))
    resized = np.stack([idx_images.resize(square[..., channel], size) for channel in range(3)], axis=-1)
    return resized, len(square)


def decode(path: Path) -> Image.Image:
    """The first frame, upright, in its own mode or, where that is neither 16-bit nor float, as RGB or RGBA."""
    try:
        image: Image.Image = Image.open(io.BytesIO(files.read_bytes(path)), formats=FORMATS)
        image.load()
        image = ImageOps.exif_transpose(image)
        if image.mode in (*DEEP, "F"):
            return image
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    except UnidentifiedImageError as error:
        reason = f"no image of a known format ({', '.join(FORMATS)})"  # kept in notes.csv: a text that counts
        raise InputError(reason) from error
    except Exception as error:  # a decoder that meets arbitrary bytes fails in ways of its own
        raise InputError(" ".join(str(error).split()) or type(error).__name__) from error


def pixels(image: Image.Image, background: str) -> np.ndarray:
    """Colours of an image in one of the modes RGB, RGBA or 16-bit grey: (H, W, 3) float32 in [0, 255], not rounded.

    Raises:
        InputError: levels that have no fixed white.
    """
    levels = np.asarray(image).astype(np.float32)
    if image.mode == "F" or (image.mode == "I" and not (levels.min() >= 0 and levels.max() <= 65535)):
        reason = f"pixels of mode {image.mode} have no fixed white; save it with 8 or 16 bits"  # kept as above
        raise InputError(reason)
    if image.mode in DEEP:
        return np.repeat(levels[..., None] / 257, 3, axis=-1)
    if image.mode == "RGB":
        return levels
    alpha = levels[..., 3:] / 255
    composed: np.ndarray = levels[..., :3] * alpha + BACKGROUNDS[background] * (1 - alpha)
    return composed


def centre_square(image: np.ndarray) -> np.ndarray:
    """The largest centred square of (H, W, 3); of an odd rest the smaller half is cut at the top or left."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]
