"""Which images are learned from, which choose the best state, and which only test: their own pixels decide.

So an image that lies in a folder twice is on one side alone, and one that both folders hold is on none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from selfrefine.core.errors import InputError
from selfrefine.data.split_names import position
from selfrefine.highlighter.data import PARTS, Part, RealsAndFakes
from selfrefine.library.highlighting.mirror import Mirror

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1  # Not in paper: a tenth of a small folder would test nothing
# 30 leave six of each class to test on: fewer, even if all were told right, would not rule out guessing.
FEWEST = 30
# Of a class: more would take hours on a processor and hardly narrow an interval.
MOST_VALIDATED, MOST_TESTED = 128, 2000
BOTH, UNUSED = "in both", "unused"  # parts of no use for learning: see `Division.part_names`

Rows = dict[Part, np.ndarray]


@dataclass(frozen=True)
class Division:
    """Rows of either folder by part, equally many, in an order of no meaning."""

    real: Rows
    fake: Rows

    def part_names(self, fake: Mirror, shared: set[bytes]) -> list[str]:
        """The part of each generated image: train, validation, test, UNUSED or BOTH; a copy has that of its twin."""
        names = {fake.digests[row]: str(part) for part, rows in self.fake.items() for row in rows}
        return [BOTH if digest in shared else names.get(digest, UNUSED) for digest in fake.digests]


def shared_images(real: Mirror, fake: Mirror) -> set[bytes]:
    """Digests of the images that both folders hold."""
    return {*real.digests.tolist()} & {*fake.digests.tolist()}


def divide(real: Mirror, fake: Mirror, seed: int) -> Division | None:
    """Train, validation and test of both folders; None if each image of one is in the other, too.

    Raises:
        InputError: fewer than FEWEST images that one folder alone holds.
    """
    shared = shared_images(real, fake)
    ordered = [_ordered(folder, shared, seed) for folder in (real, fake)]
    count = min(map(len, ordered))
    if not count and shared:
        return None
    if count < FEWEST:
        name, folder = ("real", real) if len(ordered[0]) == count else ("fake", fake)
        told = f", without copies and {len(shared)} that both folders hold" if shared else ""
        raise InputError(f"{name}: {folder.folder} has {count} different images{told}; {FEWEST} or more needed")
    tested, validated = round(TEST_SHARE * count), round(VALIDATION_SHARE * count)
    parts: list[Rows] = [
        {
            "train": rows[tested + validated : count],
            "validation": rows[tested : tested + min(validated, MOST_VALIDATED)],
            "test": rows[: min(tested, MOST_TESTED)],
        }
        for rows in ordered
    ]
    return Division(parts[0], parts[1])


def untouched(real: Mirror, fake: Mirror, learned: set[str], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of both folders to test a highlighter on that was trained before: of images it did not learn from.

    Args:
        learned: `digest_heads` of what it learned from.
    """
    shared, found = shared_images(real, fake), []
    for folder in (real, fake):
        rows = _ordered(folder, shared, seed)
        heads = digest_heads(folder.digests[rows])
        found.append(rows[[head not in learned for head in heads]])
    count = min(MOST_TESTED, *map(len, found))
    return found[0][:count], found[1][:count]


def digest_heads(digests: Sequence[bytes] | np.ndarray) -> list[str]:
    """Digests short enough to be listed beside a highlighter."""
    return [bytes(digest).decode()[:16] for digest in digests]


def _ordered(folder: Mirror, shared: set[bytes], seed: int) -> np.ndarray:
    """A row of each different image that one folder alone holds, in the seeded order of their pixels."""
    first: dict[bytes, int] = {}
    for row, digest in enumerate(folder.digests.tolist()):
        if digest not in shared:
            first.setdefault(digest, row)
    return np.array([first[digest] for digest in sorted(first, key=lambda it: position(it.decode(), seed))], np.int64)


class FolderPairs(RealsAndFakes):
    """Batches and parts of two mirrored folders, for the highlighter's trainer."""

    def __init__(self, real: Mirror, fake: Mirror, division: Division, seed: int) -> None:
        # A mirror is read in parts as an array is, and nothing else is asked of it.
        self.real, self.fake = cast(Any, real), cast(Any, fake)
        self.seed, self.real_rows, self.fake_rows = seed, division.real, division.fake
        self.labels = {part: self._labels(part, False) for part in PARTS}
