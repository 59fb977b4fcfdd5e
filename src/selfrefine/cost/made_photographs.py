"""Photographs of nothing, made by a seeded generator in the numbers, sizes, names and folders of published sets.

They stand in for those of the paper in a rehearsal: files are read, decoded, split, cut and hashed as real ones are.
"""

import csv
import hashlib
import io
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from selfrefine.core import files
from selfrefine.core.progress import Progress
from selfrefine.data import image_folder

SEED = 0
FEWEST = 16  # images of a part
CELLS = 12  # of a picture's colours, on each side
GRAIN = 9.0  # standard deviation, grey levels of 255: files are then about as long as photographs
WORDS = ("a", "man", "dog", "red", "bus", "on", "street", "with", "two", "cats", "near", "old", "tree", "and", "boat")


@dataclass(frozen=True)
class Layout:
    """How a published set lies in its folder.

    Args:
        size: width and height, px.
        parts: name of each part, "" for the whole, and how many images it has.
        name: of an image of a part, from its number, or from its key in LMDB and folders of this key's letters.
        captioned: whether a file beside the images holds a sentence about each.
        kilobytes: of an image, about: what a plan counts with.
    """

    size: tuple[int, int]
    parts: dict[str, int]
    name: str
    captioned: bool = False
    kilobytes: int = 0

    def names(self, fraction: float, least: int) -> Iterator[str]:
        """The files of so much of each part, at least so many of the whole set and FEWEST of a part, in their order."""
        share = max(fraction, least / sum(self.parts.values()))
        for part, count in self.parts.items():
            for number in range(min(count, max(math.ceil(count * share), FEWEST))):
                key = hashlib.sha1(f"{part}/{number}".encode()).hexdigest()
                yield self.name.format(part=part, number=number, key=key, folders="/".join(key[:6]))


# By the name of their folder in downloads/.
LAYOUTS = {
    "celeba_hq": Layout((256, 256), {"": 30000}, "{number:05d}.jpg", kilobytes=23),
    "flowers": Layout((667, 500), {"": 8189}, "jpg/image_{number:05d}.jpg", kilobytes=103),
    # LSUN's own data.py leaves each image in folders of the first six letters of its key.
    "lsun_church": Layout((64, 64), {"": 126227}, "{folders}/{key}.webp", kilobytes=2),
    "coco": Layout((640, 480), {"train": 118287, "test": 5000}, "{part}/{number:012d}.jpg", True, 94),
}


def fill(folder: Path, layout: Layout, names: list[str]) -> None:
    """Makes the folder, which appears under its name when it is whole; goes on from what a killed process left of it.

    Args:
        folder: of the set.
        layout: of the set.
        names: of all its images.
    """
    if folder.is_dir():
        return
    growing = folder.with_name(f".{folder.name}.part")
    there = next((number for number, name in enumerate(names) if not (growing / name).is_file()), len(names))
    first = max(there - 1, 0)  # the last one may be cut off
    with Progress(f"{folder}", len(names), start=first, unit="image") as progress:
        for number in range(first, len(names)):
            path = growing / names[number]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(folder.name, number, layout.size, path.suffix))
            progress.update(number + 1)
    if layout.captioned:
        files.write_text(growing / image_folder.CAPTIONS, captions(names))
    files.move(growing, folder)


def picture(name: str, number: int, size: tuple[int, int], suffix: str) -> bytes:
    """An image file of `levels`."""
    stream = io.BytesIO()
    Image.fromarray(levels(name, number, size)).save(stream, {".jpg": "JPEG", ".webp": "WEBP"}[suffix], quality=85)
    return stream.getvalue()


def levels(name: str, number: int, size: tuple[int, int]) -> np.ndarray:
    """Smooth colours with grain, of this number alone: (H, W, 3) uint8 of a width and a height."""
    draws = np.random.default_rng([SEED, zlib.crc32(name.encode()), number])
    colours = Image.fromarray(draws.integers(0, 256, (CELLS, CELLS, 3), np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    grain = draws.standard_normal((size[1], size[0], 1), np.float32) * GRAIN
    made: np.ndarray = (np.asarray(colours, np.float32) + grain).clip(0.0, 255.0).astype(np.uint8)
    return made


def captions(names: list[str]) -> str:
    """A table of a sentence for each image; nearly all differ, as COCO's do."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("file", "caption"))
    for number, name in enumerate(names):
        draws = np.random.default_rng([SEED, number])
        table.writerow((name, " ".join(WORDS[word] for word in draws.integers(0, len(WORDS), 10))))
    return text.getvalue()
