"""Data sets as their makers deliver them: which files, their sha256, the names of the classes, who provides them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.data import package_archives
from selfrefine.data.providers import check_digest, first_delivery


@dataclass(frozen=True)
class Source:
    """A data set of four IDX files: images and labels of the official splits.

    Args:
        sha256: of each file, unpacked, by its name.
        classes: name of each label.
        torchvision: its class in torchvision.datasets.
        debian_package: its package in Debian and Ubuntu.
        debian_folder: where that package puts the .gz files, below the root.
    """

    sha256: Mapping[str, str]
    classes: tuple[str, ...]
    torchvision: str
    debian_package: str
    debian_folder: str


SOURCES = {
    # Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747 (MIT licence).
    "fashion_mnist": Source(
        sha256={
            "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        classes=(
            "t-shirt",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
        torchvision="FashionMNIST",
        debian_package="dataset-fashion-mnist",
        debian_folder="usr/share/datasets/fashion-mnist",
    ),
}


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
    return first_delivery(name, order, providers, scratch, remedy)


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
