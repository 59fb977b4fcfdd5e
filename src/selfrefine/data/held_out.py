"""Which marked images test a map, which its highlighter learns from, and the photographs that it tells them from."""

import hashlib
from pathlib import Path

import numpy as np

from selfrefine.core.errors import InputError
from selfrefine.data import folder_splits, image_folder
from selfrefine.data.human_marks import HumanMarks
from selfrefine.data.split_names import position

FEWEST_LEARNED = 10  # of which `highlighter.data.split` makes three parts


def divide(found: HumanMarks, n_evaluated: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are held out, and rows that are learned from, both in an order that their pixels decide.

    Only an image with marked and unmarked places can tell anything of a map's places. All others are learned from, also
    those without marks: they are generated, too.

    Args:
        found: the set.
        n_evaluated: images that are held out.
        seed: of the order.

    Raises:
        InputError: too few images.
    """
    order = sorted(range(len(found.names)), key=lambda row: position(found.digests[row], seed))
    telling = [row for row in order if (marks := found.marks[row]) is not None and 0.0 < _share(marks) < 1.0]
    most = max(0, min(len(telling), len(order) - FEWEST_LEARNED))
    if n_evaluated > most:
        raise InputError(
            f"params.yaml: evaluate_human_marks.n_evaluated is {n_evaluated}; allowed: at most {most}, since "
            f"{len(telling)} of {len(order)} images have marked and unmarked places, and {FEWEST_LEARNED} must be left "
            "to learn from"
        )
    held_out = telling[:n_evaluated]
    return np.array(held_out, np.int64), np.array([row for row in order if row not in {*held_out}], np.int64)


def _share(marks: np.ndarray) -> float:
    """The share of an image that is marked."""
    return float(marks.mean(dtype=np.float64))


def photographs(folder: Path, found: HumanMarks, most: int, size: int, seed: int, label: str) -> np.ndarray:
    """Photographs to tell a set's images from, (n, size, size, 3) uint8, in an order of no meaning.

    Args:
        folder: of image files, and the folders in it.
        found: the set, none of whose images may be among them.
        most: how many are wanted; all, if there are fewer.
        size: px of a side.
        seed: of which of them are taken.
        label: of the progress lines.

    Raises:
        InputError: too few that can be read, or an image of the set.
    """
    paths = image_folder.image_files(folder) if folder.is_dir() else {}
    names = sorted(paths, key=lambda name: position(name, seed))[:most]
    read, notes = folder_splits.read_all({name: paths[name] for name in names}, size, "white", label)
    unread = {note.source: note.detail for note in notes if note.note == folder_splits.SKIPPED}
    for line in image_folder.skipped(unread):
        print(f"{folder}/{line}", flush=True)
    if len(read.names) < FEWEST_LEARNED:
        raise InputError(
            f"{folder}: {len(read.names)} photographs that can be read; {FEWEST_LEARNED} needed; put more there, or "
            "edit evaluate_human_marks.real of the row"
        )
    known = {*found.digests}
    for name, image in zip(read.names, read.images, strict=True):
        if hashlib.sha256(image.tobytes()).hexdigest() in known:
            raise InputError(f"{folder}/{name}: an image of the set that people marked; photographs needed here")
    return read.images
