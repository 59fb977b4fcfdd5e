"""Which split of a folder of images a file belongs to: its own name decides, whatever other files there are.

Or the folder comes split, as its sub-folders `train` and `test`. Imports only the standard library: the Snakefile uses
it.
"""

import hashlib
import unicodedata
from collections.abc import Iterable

from selfrefine.core.errors import InputError
from selfrefine.data.image_folder import shown

SPLITS = ("train", "test")  # names of the folders of a set that comes split


def position(name: str, seed: int) -> float:
    """The place of a file in the seeded order of all possible files, in [0, 1]; equal on every system."""
    text = f"{seed}/{unicodedata.normalize('NFC', name)}"
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:8], "big") / 2**64


def split_names(names: Iterable[str], test_share: float | None, seed: int) -> tuple[list[str], list[str]]:
    """Names of train and of test, each in the seeded order, so that the first n come from no particular folder.

    Args:
        names: of all files.
        test_share: expected share of test; None: the first folder in a name is its split.
        seed: another one gives other splits, and other orders.

    Raises:
        InputError: a file in neither split's folder.
    """
    ordered = sorted((position(name, seed), name) for name in names)
    if test_share is None:
        if stray := next((name for _, name in ordered if sub_folder(name) not in SPLITS), None):
            raise InputError(
                f"{shown(stray)}: neither in {' nor in '.join(SPLITS)}; move it there, or set prepare_data.own_splits "
                "to false in params.yaml"
            )
        train, test = ([name for _, name in ordered if sub_folder(name) == split] for split in SPLITS)
        return train, test
    train = [name for place, name in ordered if place >= test_share]
    return train, [name for place, name in ordered if place < test_share]


def sub_folder(name: str) -> str:
    """The first folder in a file's name; empty if there is none."""
    return name.partition("/")[0] if "/" in name else ""
