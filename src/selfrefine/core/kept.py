"""Files that a job keeps in its scratch folder and reads again: the SHA-256 of their bytes stands in their names.

So a file and its checksum appear at once, and whatever a disk made of the bytes since is seen before they are used.
"""

import errno
import glob
from collections.abc import Callable
from pathlib import Path

from selfrefine.core import files
from selfrefine.core.errors import InputError

DIGITS = 64  # of a SHA-256 in hex


def write(folder: Path, name: str, fill: Callable[[Path], object]) -> Path:
    """Writes a file; returns where it lies: `images.npy` as `images.SHA256.npy`.

    Args:
        folder: the job's scratch folder.
        name: of the file, by which it is found again.
        fill: writes the content to the path that it is given.
    """
    temporary, plain = files.unfinished(folder / name), Path(name)
    try:
        fill(temporary)
        path = folder / f"{plain.stem}.{files.sha256(temporary)}{plain.suffix}"
        files.move(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def found(folder: Path, name: str) -> Path | None:
    """The file of this name, None if there is none; one that is damaged is deleted, and a line says so."""
    for path in matching(folder, glob.escape(name)):
        if is_whole(path):
            return path
        path.unlink()
        print(f"{folder / name}: damaged since it was written: it is made again", flush=True)
    return None


def matching(folder: Path, pattern: str) -> list[Path]:
    """All files whose names match, whole or damaged, in the order of their names."""
    stem, dot, suffix = pattern.rpartition(".")
    return sorted(folder.glob(f"{stem}.{'[0-9a-f]' * DIGITS}{dot}{suffix}"))


def is_whole(path: Path) -> bool:
    """Whether the bytes of a file are still those that were written."""
    try:
        return files.sha256(path) == path.stem[-DIGITS:]
    except OSError as error:
        if error.errno != errno.EIO:  # the disk's own word for bytes that it has lost
            raise
        return False


def checked(path: Path) -> Path:
    """Returns the path of a whole file.

    Raises:
        InputError: it is damaged.
    """
    if not is_whole(path):
        raise InputError(f"{path}: damaged since it was written; run the same again, which makes it anew")
    return path
