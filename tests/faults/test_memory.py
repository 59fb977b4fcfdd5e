"""Data sets larger than memory: every use of the training images in a process that may not hold them.

The limit is on a process's own memory (RLIMIT_DATA), not on its addresses: a memory map takes addresses, but the pages
behind it belong to the system, which takes them back when it needs them.
"""

import math
import os
import resource
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from selfrefine.core import arrays, pixels
from selfrefine.data import folder_splits, image_decoding, image_folder
from selfrefine.data.folder_splits import Photographs
from selfrefine.diffusion import noise_schedule
from selfrefine.evidence import compared_maps
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from selfrefine.highlighter.data import RealsAndFakes
from tests.support import tiny, tiny_highlighter
from tests.support.children import FORKS, PATIENCE, run_job
from tests.support.tiny import SIZE, tiny_images, tiny_pipeline

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux can limit a process's own memory apart from its memory maps"
)
MIB = 2**20
IMAGE = SIZE**2 * 3  # bytes


class Ended(NamedTuple):
    """How a child ended, and what it told of an error."""

    code: int
    told: str


def large_set(path: Path, mebibytes: int) -> Path:
    """A file of so many images that takes no disk: nothing is written behind its header."""
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (mebibytes * MIB // IMAGE, SIZE, SIZE, 3))
    images[-1] = 255
    del images
    assert path.stat().st_size > (mebibytes - 1) * MIB
    if path.stat().st_blocks * 512 > MIB:
        pytest.skip("the folder for temporary files has no sparse files")
    return path


def own_memory() -> int:
    """Bytes that this process holds for itself alone."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))


def limit(mebibytes: int) -> None:
    """Allows this process so much more than it holds now."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (own_memory() + mebibytes * MIB, hard))


def limited(use: Callable[[Any], object], read: Callable[[Path], Any], path: Path, mebibytes: int) -> Ended:
    """Uses the images of a file in a child that may hold so much more than before it read them."""
    log = path.with_suffix(".log")
    process = FORKS.Process(target=_live, args=(use, read, path, mebibytes, log))
    process.start()
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode is not None
    return Ended(process.exitcode, log.read_text())


def _live(use: Callable[[Any], object], read: Callable[[Path], Any], path: Path, mebibytes: int, log: Path) -> None:
    torch.set_num_threads(1)
    log.write_text("")
    use(tiny_images(64))  # what is loaded and built at the first time belongs to no data set
    limit(mebibytes)
    try:
        use(read(path))
    except BaseException:
        log.write_text(traceback.format_exc())
        os._exit(1)


# -- what reads the training images ------------------------------------------------------------------------------------


def train(images: np.ndarray) -> None:
    """Updates of the diffusion network."""
    trainer = tiny.tiny_trainer(images)
    for _ in range(3):
        assert torch.isfinite(trainer.update())


def learn(images: np.ndarray) -> None:
    """A batch and all parts of the highlighter's data."""
    data = RealsAndFakes(images, tiny_images(64), 0)
    assert len(data.batch(0, 8).images) == 16
    assert sum(len(data.part(part).images) for part in ("train", "validation", "test")) > 0


def real_map(images: np.ndarray) -> None:
    """A refresh of the control that explains real images."""
    pipeline = tiny_pipeline()
    guide = Guide(
        MapRecipe(map_images=4, map_steps=2, map="real_map"),
        noise_schedule.of(pipeline),
        tiny_highlighter.highlighter(32),
        images,
        seed=0,
        dtype=torch.float32,
        horizontal_flip=True,
    )
    assert torch.isfinite(guide(pipeline.unet.eval(), 0).used).all()


def moments(images: np.ndarray) -> None:
    """Moments of all images: the control and the evaluation of maps."""
    mean, _ = pixels.moments(images, horizontal_flip=True)
    assert torch.isfinite(mean).all()


def some_reals(images: np.ndarray) -> None:
    """The real images that evaluate_maps explains."""
    assert len(compared_maps.some_reals(images, 64, 0)) == 64


def first_ones(images: np.ndarray) -> None:
    """What extract_features and the figures take."""
    assert np.array(images[:32]).shape == (32, SIZE, SIZE, 3)


def copied(images: np.ndarray) -> None:
    """What nothing may do."""
    assert len(np.array(images))


USES = [  # use, mebibytes of images, mebibytes that it may hold
    (train, 2048, 256),
    (learn, 2048, 256),
    (real_map, 2048, 512),
    (moments, 320, 224),
    (some_reals, 2048, 256),
    (first_ones, 2048, 256),
]


@pytest.mark.parametrize(("use", "size", "allowed"), USES, ids=lambda value: getattr(value, "__name__", None))
def test_images_that_do_not_fit_in_memory_are_used(use, size, allowed, tmp_path):
    path = large_set(tmp_path / "images.npy", size)
    assert limited(use, arrays.read_images, path, allowed) == Ended(0, "")


@pytest.mark.parametrize(
    ("use", "read"), [(first_ones, np.load), (copied, arrays.read_images)], ids=["loaded_whole", "copied_whole"]
)
@pytest.mark.parametrize(("size", "allowed"), sorted({(size, allowed) for _, size, allowed in USES}))
def test_in_the_same_limits_they_cannot_be_held(use, read, size, allowed, tmp_path):
    ended = limited(use, read, large_set(tmp_path / "images.npy", size), allowed)
    assert ended.code == 1
    assert "MemoryError" in ended.told


# -- preparing them ----------------------------------------------------------------------------------------------------

LARGE, TWINS = 256, 8  # side of the images, px; how many of test are in train, too


def prepared(like: np.ndarray) -> tuple[Photographs, Photographs]:
    """Two splits that share TWINS images, the first of 256 MiB where those that are given are many."""
    count = 256 * MIB // (3 * LARGE**2) if len(like) > 64 else 2 * TWINS
    images = np.zeros((count + TWINS, LARGE, LARGE, 3), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = np.arange(len(images)) % 256, np.arange(len(images)) // 256
    train = Photographs([f"a{row}" for row in range(count)], images)
    return train, Photographs([f"b{row}" for row in range(TWINS)], images[:TWINS].copy())


def move_in_place(like: np.ndarray) -> None:
    """What prepare_data does with images that are in both splits."""
    train, test = prepared(like)
    count = len(train.names)
    train, test, notes = folder_splits.move_duplicates(train, test)
    assert (len(train.images), len(test.images), len(notes)) == (count + TWINS, 0, TWINS)
    assert np.array_equal(train.images[-TWINS:], train.images[:TWINS])


def move_to_a_copy(like: np.ndarray) -> None:
    """The same in a second array."""
    train, test = prepared(like)
    assert len(np.concatenate([train.images, test.images])) == len(train.names) + TWINS


@pytest.mark.parametrize(("use", "code"), [(move_in_place, 0), (move_to_a_copy, 1)])
def test_a_data_set_is_held_once_while_it_is_prepared(use, code, tmp_path):
    path = large_set(tmp_path / "images.npy", 1)
    ended = limited(use, arrays.read_images, path, 256 + 96)
    assert ended.code == code
    assert ("MemoryError" in ended.told) == bool(code)


# -- photographs -------------------------------------------------------------------------------------------------------

LARGE_PHOTOGRAPH = (4000, 3000)  # px: 48 MB as PIL holds colours


def six_photographs(room: int, paths: Any) -> None:
    """Reads six large photographs, of which so many may be decoded at a time."""
    if isinstance(paths, dict):
        image_decoding.IN_FLIGHT = image_decoding._InFlight(room * math.prod(LARGE_PHOTOGRAPH))
        photographs, notes = folder_splits.read_all(paths, 16, "white", "test")
        assert (len(photographs.images), notes) == (6, [])


@pytest.mark.parametrize(("room", "code"), [(1, 0), (6, 1)], ids=["one_at_a_time", "all_at_once"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_large_photographs_are_decoded_as_far_as_there_is_room(room, code, suffix, tmp_path):
    """What one takes, strips and the stacks of the threads fit in the limit; six of them do not."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", LARGE_PHOTOGRAPH, "red").save(tmp_path / "photos" / f"0.{suffix}")
    for index in range(1, 6):
        (tmp_path / "photos" / f"{index}.{suffix}").hardlink_to(tmp_path / "photos" / f"0.{suffix}")
    ended = limited(partial(six_photographs, room), image_folder.image_files, tmp_path / "photos", 176)
    assert ended.code == code, ended
    full = ("MemoryError", "can't start new thread")  # whatever comes first: a picture, or the stack of a thread
    assert any(words in ended.told for words in full) == bool(code)


LARGEST = (13_333, 13_333)  # px: 177.8 million, near the most that are read; 170 MiB of grey as PIL holds it


def two_of_the_largest(paths: Any) -> None:
    """Reads both, as many at a time as in any job."""
    if isinstance(paths, dict):
        photographs, notes = folder_splits.read_all(paths, 16, "white", "test")
        assert (len(photographs.images), notes) == (2, [])
        assert (photographs.images == 7).all()


@pytest.mark.parametrize(("memory", "code"), [(288, 0), (128, 1)])
def test_two_photographs_of_177_million_pixels_take_the_memory_of_one(memory, code, tmp_path):
    (tmp_path / "photos").mkdir()
    Image.new("L", LARGEST, 7).save(tmp_path / "photos" / "0.png", compress_level=1)
    (tmp_path / "photos" / "1.png").hardlink_to(tmp_path / "photos" / "0.png")
    ended = limited(two_of_the_largest, image_folder.image_files, tmp_path / "photos", memory)
    assert ended.code == code, ended
    assert ("MemoryError" in ended.told) == bool(code)


MANY = 900  # images of 256 px: 169 MiB


def prepare_many(folder: Path | None, path: Any) -> None:
    """Prepares many photographs; their images are on the disk, or in memory."""
    if isinstance(path, Path):
        names = {f"{index}.png": path for index in range(MANY)}
        told: dict[str, Any] = {"test_share": 0.1, "seed": 0, "max_images": MANY, "label": "test"}
        told["room"] = partial(arrays.mapped_array, folder) if folder else folder_splits.IN_MEMORY
        train, _, _ = folder_splits.read_folder(names, LARGE, "white", **told)
        assert len(train.images) == MANY, "those of test are the same and belong here"
        assert train.images[-1].min() == 200
        arrays.write_array(path.with_name("images.npy"), train.images)


@pytest.mark.parametrize(("on_disk", "code"), [(True, 0), (False, 1)], ids=["on_disk", "in_memory"])
def test_photographs_that_do_not_fit_in_memory_are_prepared(on_disk, code, tmp_path):
    Image.new("RGB", (256, 256), (200, 200, 200)).save(tmp_path / "photo.png")
    use = partial(prepare_many, tmp_path if on_disk else None)
    ended = limited(use, Path, tmp_path / "photo.png", 128)
    assert ended.code == code, ended
    assert ("MemoryError" in ended.told) == bool(code)
    if on_disk:
        assert arrays.read_images(tmp_path / "images.npy").shape == (MANY, LARGE, LARGE, 3)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["images.npy", "photo.log", "photo.png"]


# -- a whole stage -----------------------------------------------------------------------------------------------------


def test_a_whole_base_phase_trains_on_a_data_set_larger_than_memory(tmp_path):
    """From the command's inputs, of which a digest is taken, to the saved model."""
    path = large_set(tmp_path / "images.npy", 1024)
    ended = run_job(tiny.base_job(path, tmp_path / "out"), tmp_path, partial(limit, 384))
    assert ended.code == 0, ended
    assert (tmp_path / "out" / "state.safetensors").is_file()
