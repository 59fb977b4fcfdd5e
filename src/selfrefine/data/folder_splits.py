"""The two splits of a folder of images, read, without what both hold; which file belongs where says `split_names`."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfrefine.core.errors import InputError
from selfrefine.core.progress import Progress
from selfrefine.data import image_decoding
from selfrefine.data.idx_images import Split
from selfrefine.data.image_folder import shown
from selfrefine.data.split_names import split_names, sub_folder

SKIPPED, ENLARGED, GREYED, MOVED = "skipped", "enlarged", "made grey", "moved to train"
TOGETHER = 256  # files that are read before their images are put away

Room = Callable[[tuple[int, ...]], np.ndarray]  # makes an array of a shape, uint8
IN_MEMORY: Room = partial(np.empty, dtype=np.uint8)


class Note(NamedTuple):
    """What was done to a file, SKIPPED, ENLARGED, GREYED or MOVED, and why."""

    source: str
    note: str
    detail: str


class Photographs(NamedTuple):
    """Names of files and their images in one order, at the head of (room, size, size, 3) uint8 with room for more."""

    names: list[str]
    buffer: np.ndarray

    @property
    def images(self) -> np.ndarray:
        """(n, size, size, 3) uint8, one for each name; no copy."""
        return self.buffer[: len(self.names)]


def read_all(
    paths: Mapping[str, Path],
    size: int,
    background: str,
    label: str,
    *,
    channels: int = 3,
    further: int = 0,
    room: Room = IN_MEMORY,
) -> tuple[Photographs, list[Note]]:
    """The photographs that can be read.

    Args:
        paths: file by name.
        size: side of the images, px.
        background, channels: what transparent pixels lie on, whether images are grey; see `image_decoding.read`.
        label: what the progress lines begin with.
        further: for how many images more there is room; it takes no memory before it is used.
        room: where the images are; in a file they may be more than memory holds.

    Returns:
        them in the order of `paths`, and notes on files that were skipped, enlarged or made grey.
    """
    images = room((len(paths) + further, size, size, 3))
    names: list[str] = []
    notes: list[Note] = []

    def attempt(name: str) -> image_decoding.Photograph | InputError:
        try:
            return image_decoding.read(paths[name], size, background, channels)
        except InputError as fault:
            return fault

    waiting, done = iter(paths), 0
    with (
        image_decoding.own_limits(),
        ThreadPoolExecutor() as pool,
        Progress(label, len(paths), unit="file") as progress,
    ):
        while some := list(islice(waiting, TOGETHER)):
            for name, found in zip(some, pool.map(attempt, some), strict=True):
                if isinstance(found, InputError):
                    notes.append(Note(name, SKIPPED, str(found)))
                else:
                    images[len(names)] = found.image
                    names.append(name)
                    notes += [Note(name, ENLARGED, f"from {found.side} to {size} px")] if found.side < size else []
                    notes += [Note(name, GREYED, "luminance of its colours")] if found.greyed else []
                progress.update(done := done + 1)
    return Photographs(names, images), notes


def move_duplicates(train: Photographs, test: Photographs) -> tuple[Photographs, Photographs, list[Note]]:
    """Moves each image of test whose very pixels train holds to the end of train: nothing learnt may be tested.

    Pixels are compared after resizing, since this is what models see. Images are moved within the arrays that are given
    and returned, so that no data set is held twice; that of train must have room for them.
    """
    seen = {hashlib.sha256(image).digest(): name for name, image in zip(train.names, train.images, strict=True)}
    twins = [seen.get(hashlib.sha256(image).digest()) for image in test.images]
    moved = np.array([twin is not None for twin in twins], dtype=bool)
    if not moved.any():
        return train, test, []
    names = zip(test.names, twins, strict=True)
    notes = [Note(name, MOVED, f"same pixels as {twin}") for name, twin in names if twin is not None]
    for place, row in enumerate(np.flatnonzero(moved), len(train.names)):
        train.buffer[place] = test.buffer[row]
    train = Photographs(train.names + [note.source for note in notes], train.buffer)
    for place, row in enumerate(np.flatnonzero(~moved)):
        test.buffer[place] = test.buffer[row]
    left = [name for name, twin in zip(test.names, twins, strict=True) if twin is None]
    return train, Photographs(left, test.buffer), notes


def labelled(
    photos: Photographs, folder_of: Mapping[str, str], classes: Sequence[str], captions: Mapping[str, str] | None
) -> Split:
    """A split whose labels are the sub-folders, -1 for files beside them; without captions by name, they are, too."""
    folders = [folder_of[name] for name in photos.names]
    labels = [classes.index(folder) if folder else -1 for folder in folders]
    words = [shown(folder.replace("_", " ").replace("-", " ")) for folder in folders]
    if captions is not None:
        words = [captions[name] for name in photos.names]
    return Split(photos.images, labels, words, [shown(name) for name in photos.names])


def read_folder(
    paths: Mapping[str, Path],
    size: int,
    background: str,
    *,
    test_share: float | None,
    seed: int,
    max_images: int,
    label: str,
    captions: Mapping[str, str] | None = None,
    channels: int = 3,
    room: Room = IN_MEMORY,
) -> tuple[Split, Split, list[Note]]:
    """Train and test of a folder's files, and notes on those that are not as their name says.

    Args:
        paths: all files by name.
        size, background, channels: of the images, see `read_all`.
        test_share: expected share of test; None: the sub-folders `train` and `test` are the splits, and those in them
            the classes.
        seed: of the split.
        max_images: files read per split, the first ones of its order.
        label: what the progress lines begin with.
        captions: of all files, by name; without them the names of their sub-folders.
        room: where the images are.
    """
    learnt, kept = (names[:max_images] for names in split_names(paths, test_share, seed))
    (train, faults), (test, more) = (
        read_all(
            {name: paths[name] for name in names},
            size,
            background,
            label,
            channels=channels,
            further=further,
            room=room,
        )
        for names, further in ((learnt, len(kept)), (kept, 0))
    )
    train, test, moved = move_duplicates(train, test)
    within = {name: name if test_share is not None else name.partition("/")[2] for name in paths}
    folder_of = {name: sub_folder(inner) for name, inner in within.items()}
    classes = sorted({folder for folder in folder_of.values() if folder})
    notes = [Note(shown(name), note, shown(detail)) for name, note, detail in (*faults, *more, *moved)]
    return labelled(train, folder_of, classes, captions), labelled(test, folder_of, classes, captions), notes


def summary(train: Split, test: Split, notes: Sequence[Note]) -> str:
    """How many images are in each split, and how many files have notes."""
    counts = Counter(note.note for note in notes)
    noted = "".join(f", {counts[note]} {note}" for note in (SKIPPED, ENLARGED, GREYED, MOVED) if counts[note])
    return f"{len(train.images)} images in train, {len(test.images)} in test{noted}"
