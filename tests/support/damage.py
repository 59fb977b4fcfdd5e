"""What disks and copies do to a file: flipped bits, lost ends, lost bytes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from selfrefine.core import arrays, kept


def flip(path: Path, position: int) -> None:
    """Flips the lowest bit of the byte at a position, from the end if negative."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def flip_at(path: Path, share: float) -> None:
    """Flips a bit at a share of the file's length."""
    flip(path, int(share * path.stat().st_size))


def cut(path: Path, share: float) -> None:
    """Leaves a share of the file."""
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def zero(path: Path) -> None:
    """Makes the second half zeros, as a loss of power may."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2].ljust(len(content), b"\0"))


def lose(path: Path) -> None:
    """A file whose bytes the system cannot read: EIO, as of a bad sector."""
    path.unlink()
    path.symlink_to("/proc/self/mem")


def replace_kept(folder: Path, name: str, array: np.ndarray) -> None:
    """Keeps a whole file of other content under a name: what then uses it has not made it again."""
    (old,) = kept.matching(folder, name)
    old.unlink()
    kept.write(folder, name, partial(arrays.fill_array, array=array))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "first byte": lambda path: flip(path, 0),
    "length of the header": lambda path: flip(path, 1),
    "header": lambda path: flip(path, 9),
    "names": lambda path: flip(path, 40),
    "a quarter": lambda path: flip_at(path, 0.25),
    "middle": lambda path: flip_at(path, 0.5),
    "last byte": lambda path: flip(path, -1),
    "empty": lambda path: cut(path, 0.0),
    "cut in the header": lambda path: path.write_bytes(path.read_bytes()[:20]),
    "cut in the middle": lambda path: cut(path, 0.5),
    "cut by a byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "zeros": zero,
    "unreadable": lose,
}
