"""A folder of anybody's images: which files it holds, what the others are, and a digest that changes with an image.

Imports only the standard library, so that the Snakefile may use it.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from selfrefine.core import contents
from selfrefine.core.errors import InputError

CAPTIONS = "captions.csv"  # of the images, if the folder holds it: see data/captions.py
SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif"),
    *(".jp2", ".j2k", ".j2c", ".jpx", ".jpc", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico"),
)
# Images that no decoder here reads, or only the small preview in them.
UNREAD: tuple[str, ...] = (".heic", ".heif", ".jxl", ".psd", ".svg", ".pdf", ".eps")
UNREAD += (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2", ".raw")
BESIDE = (".txt", ".csv", ".json", ".jsonl", ".xml", ".caption", ".md", ".html", ".npy", ".npz")  # common beside images
# How files of these formats begin, whatever their names.
BEGINNINGS: tuple[bytes, ...] = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
)
BEGINNINGS += (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51", b"\0\0\1\0", *(f"P{kind}\n".encode() for kind in range(1, 7)))
KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


class Found(NamedTuple):
    """Path of each image by its name, which is relative to the folder, with slashes; why each other file is none."""

    images: dict[str, Path]
    others: dict[str, str]


def scan(folder: Path) -> Found:
    """Everything in a folder and below, sorted by name; what is not hidden is an image or has its reason.

    Hidden files and folders are left out: systems and editors put previews and half-copied files there. Folders that
    are linked are followed, each once, after those that are not.

    Raises:
        InputError: no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; put the images there, or edit prepare_data.folder in params.yaml")
    images, others = dict[str, Path](), dict[str, str]()
    seen, folders, links = {_identity(folder)}, [("", folder)], list[tuple[str, Path]]()
    while folders or links:
        above, place = folders.pop() if folders else links.pop(0)
        if above and _identity(place) in seen:
            others[above] = "a folder that is here already"
            continue
        seen.add(_identity(place))
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            others[above or "."] = f"a folder that can't be read ({error.strerror})"
            continue
        for entry in (entry for entry in entries if not entry.name.startswith(".")):
            name = f"{above}/{entry.name}" if above else entry.name
            if _is_folder(Path(entry.path)):
                (links if entry.is_symlink() else folders).append((name, Path(entry.path)))
            elif name != CAPTIONS:
                reason = _no_image(Path(entry.path))
                images |= {} if reason else {name: Path(entry.path)}
                others |= {name: reason} if reason else {}
    return Found({name: images[name] for name in sorted(images)}, {name: others[name] for name in sorted(others)})


def image_files(folder: Path) -> dict[str, Path]:
    """The images of `scan`."""
    return scan(folder).images


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a link to where nobody may look
        return False


def _identity(folder: Path) -> tuple[int, int]:
    state = folder.stat()
    return state.st_dev, state.st_ino


def _no_image(path: Path) -> str:
    """Why a file is none; "" if its ending or its beginning is that of an image."""
    try:
        mode = path.stat().st_mode
        ending = path.suffix.lower()
        if not stat.S_ISREG(mode):
            return f"{KINDS.get(stat.S_IFMT(mode), 'something')}, not a file"
        if ending in UNREAD:
            return f"{ending} is not read; convert it to JPEG or PNG"
        if ending in SUFFIXES:
            return ""
        if ending not in BESIDE:
            with open(path, "rb") as stream:
                begins = stream.read(12)
            webp, avif = begins[:4] + begins[8:] == b"RIFFWEBP", begins[4:] in (b"ftypavif", b"ftypavis")
            if webp or avif or begins.startswith(BEGINNINGS):
                return ""
        return f"not an image ({ending})" if ending else "not an image"
    except FileNotFoundError:
        return "a link to nothing"
    except OSError as error:
        return f"can't be read ({error.strerror})"


def digest(folder: Path) -> str:
    """Digest of the names and contents of images and captions."""
    found = image_files(folder)
    if (folder / CAPTIONS).is_file():
        found[CAPTIONS] = folder / CAPTIONS
    return contents.digest(found)


def skipped(names: dict[str, str]) -> Iterator[str]:
    """A line for each reason: the first file that has it, and how many more.

    Args:
        names: reason by name.
    """
    by_reason: dict[str, list[str]] = {}
    for name, reason in names.items():
        by_reason.setdefault(reason, []).append(name)
    for reason, found in by_reason.items():
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield f"{shown(found[0])}{more}: {reason}; skipped"


def shown(name: str) -> str:
    """A name that can be printed on one line: bytes that are no UTF-8 become signs."""
    return " ".join(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace").split())
