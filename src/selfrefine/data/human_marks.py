"""What people have marked already: a set in any layout, its images and marks at one size, counted record by record."""

import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from selfrefine.core import arrays, contents, files
from selfrefine.core.errors import InputError
from selfrefine.core.progress import SECONDS_BETWEEN_LINES
from selfrefine.data import idx_images, image_decoding, image_folder, marked_images, pal4vst, rapidata, richhf
from selfrefine.data.marked_images import Layout, Marked

LAYOUTS: dict[str, Layout] = {
    "folder": marked_images.OURS,
    "pal4vst": pal4vst.LAYOUT,
    "rapidata": rapidata.LAYOUT,
    "richhf": richhf.LAYOUT,
}
# What became of a record: each has one of these. All but the first three are images of the set.
OTHER, NO_IMAGE, TWICE = "other_names", "without_image", "twice"
NOT_COLLECTED, NONE_MARKED, MARKED = "not_collected", "none_marked", "marked"
STATES = (OTHER, NO_IMAGE, TWICE, NOT_COLLECTED, NONE_MARKED, MARKED)
COUNTS = ["part", "records", "published_records", *STATES, "sha256", "as_published"]  # of counts.csv
YES, NO = "yes", "no"
BACKGROUND, UNMARKED = "white", "black"  # under transparent pixels of images, and of masks


@dataclass(frozen=True)
class Given:
    """Which set is read, and how: human_marks.<row>.evaluate_human_marks in params.yaml.

    Args:
        layout: key of LAYOUTS.
        folder: of the set, as it is published.
        images: folder of the images, where the set has none; "" for the others.
        prefix: of the file names that count; "" for all.
        size: px of a side; of each image its largest centred square is resized to it, and of its marks the same part.
        marked_from: share of an image's highest level from which on a pixel counts as marked.
    """

    layout: str
    folder: str
    images: str
    prefix: str
    size: int
    marked_from: float


@dataclass(frozen=True)
class HumanMarks:
    """The images of a set, no two with the same pixels.

    Attributes:
        names: of the records, after that of their part.
        images: (n, S, S, 3) uint8.
        digests: SHA-256 of the pixels of each.
        marks: of each the share of a pixel that is marked, (S, S) float16 in [0, 1]; None where nobody was asked.
        counts: a line with COUNTS for each part.
    """

    names: list[str]
    images: np.ndarray
    digests: list[str]
    marks: list[np.ndarray | None]
    counts: list[dict[str, Any]]


def read(given: Given, scratch: Path, label: str) -> HumanMarks:
    """Reads a set.

    Args:
        given: which.
        scratch: a folder for files that a decoder needs.
        label: of the lines of progress.

    Raises:
        InputError: no such folder, another layout, or a file of it that cannot be read.
    """
    layout, folder = LAYOUTS[given.layout], Path(given.folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; put the set there, or edit evaluate_human_marks.folder of its row")
    apart = marked_images.by_stem(_basenames(Path(given.images))) if layout.apart else {}
    found = _Read(given, layout.masks, scratch)
    for part, held in layout.parts(folder).items():
        states = Counter(found.add(part, record) for record in _told(layout.read(held, apart), f"{label}: {part}"))
        published = layout.published.get(part)
        sha256 = digest(held)
        found.counts.append(
            {"part": part, "records": states.total(), "published_records": published.records if published else ""}
            | {state: states[state] for state in STATES}
            | {"sha256": sha256, "as_published": (YES if sha256 == published.sha256 else NO) if published else ""}
        )
    return found.all()


def digest(held: Mapping[str, Path]) -> str:
    """SHA-256 of a part: of its file, or, of several, of the text with a line "SHA-256  name" for each, by name."""
    sums = contents.sha256s(held)
    return next(iter(sums.values())) if len(sums) == 1 else hashlib.sha256(files.seal(sums).encode()).hexdigest()


def _basenames(folder: Path) -> dict[str, Path]:
    """The image files in a folder and below by their own names: a record names no folder that a user must have."""
    found: dict[str, Path] = {}
    for name, path in image_folder.image_files(folder).items():
        if (own := PurePosixPath(name).name) in found:
            raise InputError(f"{path} and {found[own]}: two images of one name; move one of them away")
        found[own] = path
    return found


def _told(records: Iterator[Marked], label: str) -> Iterator[Marked]:
    """The records, with a line about every ten seconds: how many there are is not known before."""
    told = time.monotonic()
    for number, record in enumerate(records):
        if time.monotonic() - told >= SECONDS_BETWEEN_LINES:
            told = time.monotonic()
            print(f"{label}: record {number}", flush=True)
        yield record


class _Read:
    """What is read of a set so far."""

    def __init__(self, given: Given, masks: bool, scratch: Path) -> None:
        self.given, self.masks, self.scratch = given, masks, scratch
        self.names: list[str] = []
        self.images: list[np.ndarray] = []
        self.digests: dict[str, None] = {}
        self.marks: list[np.ndarray | None] = []
        self.counts: list[dict[str, Any]] = []

    def add(self, part: str, record: Marked) -> str:
        """Takes a record in, if it is an image of the set that is not there yet; returns what became of it."""
        name, size = f"{part}/{record.name}", self.given.size
        if not PurePosixPath(record.name).name.startswith(self.given.prefix):
            return OTHER
        if record.image is None:
            return NO_IMAGE
        levels = _decoded(record.image, self.scratch, name, BACKGROUND)
        image = squared(levels, size)
        sha256 = hashlib.sha256(image.tobytes()).hexdigest()
        if sha256 in self.digests:
            return TWICE
        marks = None if record.marks is None else self._marked(record.marks, name)
        self.names.append(name)
        self.images.append(image)
        self.digests[sha256] = None
        self.marks.append(None if marks is None else square_of(marks, levels.shape[:2], size).astype(np.float16))
        return NOT_COLLECTED if marks is None else MARKED if marks.any() else NONE_MARKED

    def _marked(self, marks: Path | bytes | np.ndarray, name: str) -> np.ndarray:
        """Which places of the whole image count as marked, (h, w) bool."""
        levels = marks if isinstance(marks, np.ndarray) else _levels(marks, self.scratch, name)
        highest = levels.max(initial=0.0)
        if self.masks and not np.isin(levels, (0.0, 1.0 if highest == 1.0 else 255.0)).all():
            raise InputError(f"{name}: a mask with more levels than two, up to {highest:g}; 0 and 1 (or 255) needed")
        marked: np.ndarray = (levels >= self.given.marked_from * highest) & (levels > 0.0)
        return marked

    def all(self) -> HumanMarks:
        """All that was taken in."""
        size = self.given.size
        images = np.stack(self.images) if self.images else np.zeros((0, size, size, 3), np.uint8)
        return HumanMarks(self.names, images, list(self.digests), self.marks, self.counts)


def _decoded(image: Path | bytes, scratch: Path, name: str, background: str) -> np.ndarray:
    """An image in its own size, (H, W, 3) float32 in [0, 255].

    Raises:
        InputError: it cannot be read.
    """
    try:
        if isinstance(image, Path):
            return image_decoding.whole(image, background)
        with tempfile.NamedTemporaryFile(dir=scratch) as held:  # what decodes images takes a file
            held.write(image)
            held.flush()
            return image_decoding.whole(Path(held.name), background)
    except InputError as fault:
        raise InputError(f"{image if isinstance(image, Path) else name}: {fault}") from fault


def _levels(marks: Path | bytes, scratch: Path, name: str) -> np.ndarray:
    """A mask or heat map, (h, w) float32 from 0 on; of colours the brightest channel."""
    if not isinstance(marks, Path) or marks.suffix != ".npy":
        brightest: np.ndarray = _decoded(marks, scratch, name, UNMARKED).max(axis=-1)
        return brightest
    levels = arrays.read_array(marks)
    numbers = levels.ndim == 2 and levels.size and levels.dtype.kind in "biuf"
    if not numbers or not np.isfinite(levels).all() or levels.min() < 0:
        raise InputError(f"{marks}: {levels.dtype} {levels.shape} given; numbers from 0 on, (h, w), needed")
    return levels.astype(np.float32)


def squared(levels: np.ndarray, size: int) -> np.ndarray:
    """The largest centred square of an image (H, W, 3) in [0, 255], resized as all are: (size, size, 3) uint8."""
    side = min(levels.shape[:2])
    top, left = ((extent - side) // 2 for extent in levels.shape[:2])
    square = levels[top : top + side, left : left + side]
    return np.stack([idx_images.resize(square[..., channel], size) for channel in range(3)], axis=-1)


def square_of(marked: np.ndarray, shape: Sequence[int], size: int) -> np.ndarray:
    """The same square of marks that cover the whole image: (size, size) float32, the share of a pixel that is marked.

    Args:
        marked: (h, w) bool, in any resolution.
        shape: height and width of the image, px.
        size: side of the result.
    """
    (height, width), side = shape, min(shape)
    top, left = ((extent - side) // 2 for extent in shape)
    down, across = marked.shape[0] / height, marked.shape[1] / width
    box = (left * across, top * down, (left + side) * across, (top + side) * down)
    whole = Image.fromarray(marked.astype(np.float32))
    return np.asarray(whole.resize((size, size), Image.Resampling.BOX, box=box)).clip(0.0, 1.0)
