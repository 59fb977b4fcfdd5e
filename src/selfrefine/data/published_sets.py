"""Data sets as their makers deliver them: who provides their files, each checked by its sha256."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.data import package_archives
from selfrefine.data.idx_sets import SOURCES, Source
from selfrefine.data.providers import Most, check_digest, first_delivery

MOST = Most(gib=2, hours=1)  # of 55 MB unpacked; Debian's lists of packages are some hundred


def fetch(name: str, order: Sequence[str], folder: Path, scratch: Path) -> dict[str, bytes]:
    """The files of a source from the first provider that has them all.

    Args:
        name: key of SOURCES.
        order: providers to try: folder, torchvision, debian.
        folder: where the user may have put the files.
        scratch: folder for downloads.

    Returns:
        unpacked contents by file name, each with the pinned sha256.

    Raises:
        InputError: no such source, or no provider could deliver it.
    """
    if name not in SOURCES:
        raise InputError(f"params.yaml: source {name} is unknown; allowed: {', '.join(SOURCES)}")
    source = SOURCES[name]
    providers: dict[str, Callable[[Path], dict[str, bytes]]] = {
        "folder": lambda _: read_folder(source, folder),
        "torchvision": partial(from_torchvision, source),
        "debian": partial(from_debian, source),
    }
    remedy = f"put {', '.join(source.sha256)} (or .gz) into {folder}, or edit sources.{name}.fetch_data in params.yaml"
    return first_delivery(name, order, providers, scratch, remedy, MOST)


def read_folder(source: Source, folder: Path) -> dict[str, bytes]:
    """The files from a folder that holds them plain or as .gz."""
    contents = {}
    for name, expected in source.sha256.items():
        path = next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)
        if path is None:
            raise InputError(f"no {name} or {name}.gz in {folder}")
        contents[name] = files.read_bytes(path)
        check_digest(str(path), hashlib.sha256(contents[name]).hexdigest(), expected)
    return contents


def from_torchvision(source: Source, scratch: Path) -> dict[str, bytes]:
    """The files from torchvision's first mirror."""
    from torch.hub import download_url_to_file
    from torchvision import datasets

    published = getattr(datasets, source.torchvision)
    for file_name, _ in published.resources:
        download_url_to_file(f"{published.mirrors[0]}{file_name}", str(scratch / file_name), progress=False)
    return read_folder(source, scratch)


def from_debian(source: Source, scratch: Path) -> dict[str, bytes]:
    """The files from Debian's package: the installed one if there is one, else downloaded into `scratch`."""
    installed = Path("/", source.debian_folder)
    if installed.is_dir():
        return read_folder(source, installed)
    return read_folder(source, package_archives.debian_package(source.debian_package, scratch) / source.debian_folder)
