"""A pipeline folder in, a PNG out; one line for everything that does not fit."""

import numpy as np
import pytest
from PIL import Image

from selfrefine import networks
from selfrefine.commands import sample
from selfrefine.core import arrays
from selfrefine.core.errors import InputError
from selfrefine.stages import generate_samples
from tests.support import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("sample")
    networks.save(tiny.tiny_pipeline(), found / "pipeline")
    return found / "pipeline"


def run(folder, out, **others):
    words = {"pipeline": folder, "out": out, "steps": 4, "device": "cpu", "precision": "float32"} | others
    sample.write(sample.parser().parse_args([part for k, v in words.items() for part in (f"--{k}", str(v))]))
    return np.asarray(Image.open(out))


def test_the_images_are_those_that_the_workflow_makes_of_the_seed(folder, tmp_path):
    job = tiny.samples_job(folder, tmp_path, n_images=3, chunk_size=3)
    generate_samples.run(job)
    known = arrays.read_images(job.outputs.images)
    made = run(folder, tmp_path / "made.png", images=3)
    assert made.shape == (2 * tiny.SIZE, 2 * tiny.SIZE, 3)
    assert np.array_equal(made[: tiny.SIZE, : tiny.SIZE], known[0])
    assert np.array_equal(made[: tiny.SIZE, tiny.SIZE :], known[1])
    assert np.array_equal(made[tiny.SIZE :, : tiny.SIZE], known[2])
    assert (made[tiny.SIZE :, tiny.SIZE :] == 255).all()


def test_another_seed_is_another_image(folder, tmp_path):
    first = run(folder, tmp_path / "first.png")
    assert first.shape == (tiny.SIZE, tiny.SIZE, 3)
    assert np.array_equal(run(folder, tmp_path / "again.png"), first)
    assert not np.array_equal(run(folder, tmp_path / "other.png", seed=1), first)


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (4, 2, 2), (5, 2, 3), (12, 3, 4)])
def test_a_sheet_is_about_square_and_holds_every_image(count, rows, columns):
    images = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1).repeat(3, axis=3)
    found = sample.sheet(images)
    assert found.shape == (rows, columns, 3)
    assert found[..., 0].ravel().tolist() == [*range(count)] + [255] * (rows * columns - count)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"prompt": "a boot"}, r"pipeline: was trained without captions; leave --prompt away"),
        ({"guidance": 3.0}, r"pipeline: was trained without captions; leave --guidance away"),
        ({"steps": 21}, "--steps is 21; 2 to 20 needed"),
        ({"steps": 1}, "--steps is 1; 2 to 20 needed"),
        ({"images": 0}, "--images is 0; at least 1 needed"),
        ({"pipeline": "nowhere"}, "nowhere: not a folder sealed"),
    ],
)
def test_what_does_not_fit_is_one_line(folder, tmp_path, words, told):
    with pytest.raises(InputError, match=told) as error:
        run(folder, tmp_path / "made.png", **words)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "made.png").exists()


def test_the_result_is_a_png(folder, tmp_path):
    with pytest.raises(InputError, match=r"a name that ends in \.png"):
        run(folder, tmp_path / "made.jpg")
