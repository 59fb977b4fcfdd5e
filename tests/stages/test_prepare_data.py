"""The real command on small IDX files, and every way in which a split can be wrong."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from selfrefine import datasets, files
from selfrefine.errors import InputError
from selfrefine.runtime import Job
from selfrefine.stages import prepare_data

LABELS = np.array([9, 0, 2, 5, 1, 9])


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Six photographs with labels, in the files `photographs` and `labels` of the working folder."""
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
    write_idx(tmp_path / "photographs", images)
    write_idx(tmp_path / "labels", LABELS)
    return images


def job(max_images: int = 60000) -> Job[prepare_data.Config, prepare_data.Inputs, prepare_data.Outputs]:
    names = {"dataset": "fashion_mnist", "split": "train"}
    config = prepare_data.Config(source="fashion_mnist", size=16, pad=2, max_images=max_images, names=names)
    inputs = prepare_data.Inputs(Path("photographs"), Path("labels"))
    return Job("prepare_data", config, inputs, prepare_data.Outputs(Path("out/images.npy"), Path("out/items.csv")))


def test_the_command_prepares_the_first_images_in_order(photographs: np.ndarray):
    config = {"source": "fashion_mnist", "size": 16, "pad": 2, "max_images": 4, "names": {"split": "train"}}
    command = [sys.executable, "-m", "selfrefine.stages.prepare_data", "--config", json.dumps(config)]
    command += ["--record", "out/config.json", "--photographs", "photographs", "--labels", "labels"]
    command += ["--images", "out/images.npy", "--table", "out/items.csv"]
    subprocess.run(command, check=True)
    assert np.array_equal(files.read_images(Path("out/images.npy")), datasets.prepare(photographs[:4], 16, 2))
    items = Path("out/items.csv").read_text().splitlines()
    assert items == ["label,caption,source", "9,ankle boot,0", "0,t-shirt,1", "2,pullover,2", "5,sandal,3"]
    assert json.loads(Path("out/config.json").read_text()) == config


def test_fewer_images_than_allowed_are_all_taken_and_twice_gives_equal_bytes(photographs: np.ndarray):
    prepare_data.run(job())
    first = Path("out/images.npy").read_bytes(), Path("out/items.csv").read_bytes()
    prepare_data.run(job())
    assert (Path("out/images.npy").read_bytes(), Path("out/items.csv").read_bytes()) == first
    assert len(files.read_images(Path("out/images.npy"))) == 6


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (LABELS[:5], "photographs: 6 images, but 5 labels in labels"),
        (np.array([9, 0, 2, 10, 1, 9]), "labels: label 10 given, fashion_mnist has 0 ... 9"),
        (np.zeros((6, 28, 28)), "labels: begins with 00000803"),
    ],
)
def test_labels_that_do_not_fit_are_refused_and_nothing_is_written(
    photographs: np.ndarray, labels: np.ndarray, told: str
):
    write_idx(Path("labels"), labels)
    with pytest.raises(InputError) as error:
        prepare_data.run(job())
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert not Path("out").exists()


def test_photographs_that_are_not_square_are_refused(photographs: np.ndarray):
    write_idx(Path("photographs"), photographs[:, :20])
    with pytest.raises(InputError, match="grey and square"):
        prepare_data.run(job())
    assert not Path("out").exists()
