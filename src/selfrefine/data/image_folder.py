"""A folder of anybody's images: which files it holds, and a digest that changes when one of them does.

Imports only the standard library, so that the Snakefile may use it.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

from selfrefine.core.errors import InputError

CAPTIONS = "captions.csv"  # of the images, if the folder holds it: see data/captions.py
CONTENTS = "contents"  # the key of a job's config that tells of a change of the images
SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff")


def image_files(folder: Path) -> dict[str, Path]:
    """Images in a folder and below: path by name, which is the path relative to the folder with slashes; sorted.

    Hidden files are left out: systems put previews and half-copied files there.

    Raises:
        InputError: no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; put the images there, or edit prepare_data.folder in params.yaml")
    found = (Path(above, name) for above, _, names in os.walk(folder) for name in names)
    paths = [path for path in found if path.suffix.lower() in SUFFIXES]
    by_name = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: by_name[name] for name in sorted(by_name) if not any(p.startswith(".") for p in name.split("/"))}


def digest(folder: Path) -> str:
    """Digest of the names, sizes and times of change of images and captions: none is read. No folder: of none."""
    found = image_files(folder) if folder.is_dir() else {}
    if (folder / CAPTIONS).is_file():
        found[CAPTIONS] = folder / CAPTIONS
    states = {name: path.stat() for name, path in found.items()}
    lines = (f"{name}\n{state.st_size} {state.st_mtime_ns}\n" for name, state in states.items())
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def watched(stage: str, config: dict[str, Any]) -> dict[str, Any]:
    """The config of a job; that of `prepare_data` with the digest of its folder, if it has one, as CONTENTS.

    Nobody declares these files to Snakemake: the digest tells it of a change.
    """
    is_folder = stage == "prepare_data" and "folder" in config
    return config | {CONTENTS: digest(Path(config["folder"]))} if is_folder else config


def shown(name: str) -> str:
    """A name that can be printed on one line: bytes that are no UTF-8 become signs."""
    return " ".join(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace").split())
