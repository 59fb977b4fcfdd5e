"""Pictures of images and their maps: files beside the page, and small ones inside it."""

import base64
import io
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from selfrefine.report.figures.figure8_flaw_maps import FLAW_COLOURS, IMAGE_SHARE

QUALITY, SMALL_QUALITY = 95, 75  # of JPEG
SMALL = 128  # px of a picture inside the page


def overlaid(images: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Images (n, S, S, 3) uint8 under the colours of their maps (n, S, S) in [0, 1], as in Figure 8; uint8."""
    heat = mpl.colormaps[FLAW_COLOURS](maps)[..., :3] * 255.0
    mixed: np.ndarray = (IMAGE_SHARE * images + (1.0 - IMAGE_SHARE) * heat).round().astype(np.uint8)
    return mixed


def file_name(rank: int, name: str) -> str:
    """The name of an image's pictures without its ending: its rank, and what of its own name any system takes."""
    return f"{rank:06d}_{re.sub(r'[^A-Za-z0-9._-]+', '_', Path(name).with_suffix('').as_posix())[-60:]}"


def write(path: Path, image: np.ndarray) -> None:
    """Writes an image (H, W, 3) uint8 as PNG or JPEG, by its ending, into a folder that is not finished yet."""
    path.write_bytes(_encoded(image, "PNG" if path.suffix == ".png" else "JPEG", QUALITY))


def small(image: np.ndarray) -> str:
    """A small picture as an address of itself."""
    made = Image.fromarray(image)
    made.thumbnail((SMALL, SMALL), Image.Resampling.BOX)
    content = _encoded(np.asarray(made), "JPEG", SMALL_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode('ascii')}"


def _encoded(image: np.ndarray, kind: str, quality: int) -> bytes:
    stream = io.BytesIO()
    options = {"quality": quality, "subsampling": 0} if kind == "JPEG" else {}
    Image.fromarray(image).save(stream, format=kind, **options)
    return stream.getvalue()
