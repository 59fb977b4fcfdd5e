"""IDX files and their faults; preparation against a closed form and against torch's area average."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from selfrefine.core.errors import InputError
from selfrefine.data import idx_images


def idx(array: np.ndarray) -> bytes:
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def photographs() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_read_plain_and_packed(tmp_path: Path, photographs: np.ndarray, packed: bool):
    path = tmp_path / ("images.gz" if packed else "images")
    path.write_bytes(gzip.compress(idx(photographs)) if packed else idx(photographs))
    (tmp_path / "labels").write_bytes(idx(np.arange(7)))
    assert np.array_equal(idx_images.read_idx_images(path), photographs)
    assert idx_images.read_idx_labels(tmp_path / "labels").tolist() == list(range(7))


def test_idx_reading_agrees_with_torchvision(tmp_path: Path, photographs: np.ndarray):
    from torchvision.datasets.mnist import read_image_file

    (tmp_path / "images").write_bytes(idx(photographs))
    assert np.array_equal(idx_images.read_idx_images(tmp_path / "images"), read_image_file(str(tmp_path / "images")))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "begins with "),
        (b"GIF89a", "begins with 47494638"),
        (idx(np.zeros((2, 3))), "begins with 00000802"),
        (bytes((0, 0, 13, 3)) + bytes(12), "begins with 00000d03"),  # float elements
        (bytes((0, 0, 8, 3)) + bytes(5), "cut off in its header"),
        (idx(np.zeros((2, 4, 4)))[:-1], "31 bytes after the header"),
        (idx(np.zeros((2, 4, 4))) + b"x", "33 bytes after the header"),
        (bytes((0, 0, 8, 3)) + b"\xff" * 12, "0 bytes after the header"),  # counts whose product overflows 64 bits
    ],
)
def test_damaged_idx_files_are_refused_in_one_line(tmp_path: Path, content: bytes, told: str):
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(InputError) as error:
        idx_images.read_idx_images(tmp_path / "images")
    assert told in str(error.value)
    assert str(tmp_path / "images") in str(error.value)
    assert "\n" not in str(error.value)


def test_truncated_gzip_is_refused(tmp_path: Path, photographs: np.ndarray):
    (tmp_path / "images.gz").write_bytes(gzip.compress(idx(photographs))[:-20])
    with pytest.raises(InputError, match="not a whole gzip file"):
        idx_images.read_idx_images(tmp_path / "images.gz")


def test_preparation_is_the_exact_mean_rounded_once(photographs: np.ndarray):
    prepared = idx_images.prepare(photographs, size=16, pad=2)
    padded = np.zeros((5, 32, 32))
    padded[:, 2:-2, 2:-2] = photographs
    mean = padded.reshape(5, 16, 2, 16, 2).mean(axis=(2, 4))
    assert prepared.shape == (5, 16, 16, 3)
    assert prepared.dtype == np.uint8
    for channel in range(3):
        assert np.array_equal(prepared[..., channel], np.rint(mean))


def test_resizing_rounds_once_where_pil_rounds_8_bit_images_twice():
    block = np.array([[0, 1], [0, 0]], np.uint8)  # mean 0.25; each axis in turn: 0.5 becomes 1, then 0.5 becomes 1
    assert idx_images.resize(block, 1).item() == 0
    assert np.asarray(Image.fromarray(block).resize((1, 1), Image.Resampling.BOX)).item() == 1


@pytest.mark.parametrize("size", [4, 7, 14, 28])
def test_resizing_is_the_area_average(photographs: np.ndarray, size: int):
    grey = torch.from_numpy(photographs[:1, None].astype(np.float64))
    area = torch.nn.functional.interpolate(grey, size=(size, size), mode="area")
    assert np.array_equal(idx_images.resize(photographs[0], size), area[0, 0].round().to(torch.uint8))


def test_resizing_keeps_extremes():
    for level in (0, 255):
        assert (idx_images.resize(np.full((28, 28), level, np.uint8), 11) == level).all()


@pytest.mark.parametrize("shape", [(2, 28, 20), (2, 28, 28, 3), (28, 28)])
def test_images_that_are_not_grey_squares_are_refused(shape: tuple[int, ...]):
    with pytest.raises(InputError, match="grey and square"):
        idx_images.prepare(np.zeros(shape, np.uint8), size=16, pad=2)


def test_classes_keep_the_order_of_the_images():
    labels, names = np.array([2, 0, 1, 2, 0], np.uint8), ("coat", "bag", "shoe")
    assert idx_images.of_classes(labels, names, ["shoe", "coat"]).tolist() == [0, 1, 3, 4]
    assert idx_images.of_classes(labels, names, []).tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(InputError, match=r"prepare_data.classes names boot; known: coat, bag, shoe"):
        idx_images.of_classes(labels, names, ["shoe", "boot"])
