"""Images on which people marked what looks wrong: what a layout hands over, and a folder in our own layout.

Our layout: `images/` and `marks/`, a mask (any image format: 0 where nothing is marked) or a heat map (an image, or an
.npy of two dimensions) under the name of its image. An image without a file in `marks/` is one that nobody looked at.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from selfrefine.core import files
from selfrefine.core.errors import InputError

IMAGES, MARKS = "images/", "marks/"
PAGE = "docs/human_marks.md shows the layout"


class Marked(NamedTuple):
    """A record of a set: its name; its image, a file or the bytes of one, None where it is not there; what people
    marked, a file, the bytes of one or levels (h, w) from 0 on over the whole image, None where nobody was asked.
    """

    name: str
    image: Path | bytes | None
    marks: Path | bytes | np.ndarray | None


class Published(NamedTuple):
    """What the publisher says of a part: SHA-256 of its file, and its records."""

    sha256: str
    records: int


@dataclass(frozen=True)
class Layout:
    """How a set lies on the disk.

    Args:
        parts: of the set's folder, the files of each part by their names in it; raises InputError where it holds none.
        read: the records of a part, given its files and, where `apart`, the images by name without folder and ending.
        apart: whether images are not in the set and come from a folder of their own.
        masks: whether marks have two levels and no more: nothing, and something from 1 on.
        published: part -> what its publisher says.
    """

    parts: Callable[[Path], dict[str, dict[str, Path]]]
    read: Callable[[Mapping[str, Path], Mapping[str, Path]], Iterator[Marked]]
    apart: bool = False
    masks: bool = False
    published: Mapping[str, Published] = field(default_factory=dict)


def by_stem(found: Mapping[str, Path], folder: str = "") -> dict[str, Path]:
    """Files below a folder by their names in it without ending, sorted.

    Raises:
        InputError: two differ in their ending alone.
    """
    stems: dict[str, Path] = {}
    for name in sorted(name for name in found if name.startswith(folder)):
        stem = PurePosixPath(name.removeprefix(folder)).with_suffix("").as_posix()
        if stem in stems:
            raise InputError(f"{found[name]} and {stems[stem].name}: one name for two images; move one of them away")
        stems[stem] = found[name]
    return stems


def paired(found: Mapping[str, Path], images: str, marks: str) -> Iterator[Marked]:
    """A record for each name that has an image, marks, or both, in two folders."""
    shown, marked = by_stem(found, images), by_stem(found, marks)
    for name in sorted(shown.keys() | marked.keys()):
        yield Marked(name, shown.get(name), marked.get(name))


def _parts(folder: Path) -> dict[str, dict[str, Path]]:
    found = {name: path for name, path in files.visible(folder).items() if name.startswith((IMAGES, MARKS))}
    if not any(name.startswith(IMAGES) for name in found):
        raise InputError(f"{folder}: no image in {IMAGES} of it; {PAGE}")
    return {"all": found}


def _read(found: Mapping[str, Path], _apart: Mapping[str, Path]) -> Iterator[Marked]:
    return paired(found, IMAGES, MARKS)


OURS = Layout(_parts, _read)
