import numpy as np
import pytest

from selfrefine.core import arrays
from selfrefine.stages import generate_fakes, generate_samples, train_base
from tests.support import tiny


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    train_base.run(tiny.base_job(tiny.write_images(folder / "images.npy"), folder))
    return folder / "pipeline"


def fakes(pipeline, folder, **changes):
    job = tiny.fakes_job(pipeline, folder, **changes)
    generate_fakes.run(job)
    return np.load(job.outputs.images)


def test_fakes_are_packed_images_and_no_two_are_equal(pipeline, tmp_path):
    images = fakes(pipeline, tmp_path)
    assert (images.shape, images.dtype) == ((10, tiny.SIZE, tiny.SIZE, 3), np.uint8)
    assert len(np.unique(images.reshape(10, -1), axis=0)) == 10


def test_fakes_are_no_images_that_are_measured(pipeline, tmp_path):
    generate_samples.run(tiny.samples_job(pipeline, tmp_path / "samples"))  # the same sampler and number of steps
    measured = np.load(tmp_path / "samples" / "images.npy")
    assert not {image.tobytes() for image in fakes(pipeline, tmp_path)} & {image.tobytes() for image in measured}


def test_they_are_made_with_the_steps_of_a_map(pipeline, tmp_path):
    few, many = (fakes(pipeline, tmp_path / str(steps), map_steps=steps) for steps in (2, 8))
    assert not np.array_equal(few, many)


def test_the_same_job_gives_the_same_bytes(pipeline, tmp_path):
    first, again = (fakes(pipeline, tmp_path / name) for name in ("first", "again"))
    assert np.array_equal(first, again)


def test_a_grey_network_gives_grey_images_of_three_channels(tmp_path):
    images = tmp_path / "images.npy"
    arrays.write_array(images, tiny.tiny_images()[..., :1].repeat(3, axis=-1))
    train_base.run(tiny.base_job(images, tmp_path / "base", network=tiny.NETWORK | {"channels": 1}, steps=2))
    grey = fakes(tmp_path / "base" / "pipeline", tmp_path / "fakes")
    assert grey.shape == (10, tiny.SIZE, tiny.SIZE, 3)
    assert (grey == grey[..., :1]).all()
