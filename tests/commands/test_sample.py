"""A pipeline folder in, a PNG out; one line for everything that does not fit."""

import numpy as np
import pytest
import torch

from selfrefine import networks
from selfrefine.commands import sample
from selfrefine.core import arrays
from selfrefine.stages import generate_samples
from tests.support import tiny
from tests.support.command import QUICK, picture, refused, words


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("sample")
    networks.save(tiny.tiny_pipeline(), found / "pipeline")
    return found / "pipeline"


def test_the_images_are_those_that_the_workflow_makes_of_the_seed(folder, tmp_path):
    job = tiny.samples_job(folder, tmp_path, n_images=3, chunk_size=3)
    generate_samples.run(job)
    known = arrays.read_images(job.outputs.images)
    made = picture("sample", pipeline=folder, out=tmp_path / "made.png", images=3)
    assert made.shape == (2 * tiny.SIZE, 2 * tiny.SIZE, 3)
    assert np.array_equal(made[: tiny.SIZE, : tiny.SIZE], known[0])
    assert np.array_equal(made[: tiny.SIZE, tiny.SIZE :], known[1])
    assert np.array_equal(made[tiny.SIZE :, : tiny.SIZE], known[2])
    assert (made[tiny.SIZE :, tiny.SIZE :] == 255).all()


def test_another_seed_is_another_image(folder, tmp_path):
    first, again, other = (
        picture("sample", pipeline=folder, out=tmp_path / f"{number}.png", seed=seed)
        for number, seed in enumerate((0, 0, 1))
    )
    assert first.shape == (tiny.SIZE, tiny.SIZE, 3)
    assert np.array_equal(again, first)
    assert not np.array_equal(other, first)


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (4, 2, 2), (5, 2, 3), (12, 3, 4)])
def test_a_sheet_is_about_square_and_holds_every_image(count, rows, columns):
    images = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1).repeat(3, axis=3)
    found = sample.sheet(images)
    assert found.shape == (rows, columns, 3)
    assert found[..., 0].ravel().tolist() == [*range(count)] + [255] * (rows * columns - count)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompt": "a boot"}, "pipeline: was trained without captions; leave --prompt away"),
        ({"guidance": 3.0}, "pipeline: was trained without captions; leave --guidance away"),
        ({"guidance": -1}, "--guidance: -1 given; allowed: numbers from 0 on"),
        ({"steps": 21}, "--steps is 21; 2 to 20 needed by the pipeline"),
        ({"steps": 1}, "--steps: 1 given; allowed: whole numbers from 2 on"),
        ({"images": 0}, "--images: 0 given; allowed: whole numbers from 1 to 1,024"),
        ({"seed": -1}, "--seed: -1 given; allowed: whole numbers from 0 on"),
        ({"pipeline": "nowhere"}, "nowhere: no such folder; --pipeline names the folder of a diffusers pipeline"),
        ({"pipeline": "/"}, "/: not the folder of a diffusers pipeline: no model_index.json in it"),
        ({"out": "made.jpg"}, "--out: made.jpg given; allowed: a name that ends in .png"),
    ],
)
def test_what_does_not_fit_is_one_line(folder, tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    given = words("sample", **{"pipeline": folder, "out": "made.png"} | QUICK | options)
    line = refused(given, capsys)
    assert line.startswith("selfrefine sample: ")
    assert message in line
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_here_is_that_of_the_option(folder, tmp_path, capsys):
    line = refused(words("sample", pipeline=folder, out=tmp_path / "made.png", device="cuda"), capsys)
    assert line.startswith("selfrefine sample: --device is cuda, but this machine has ")
