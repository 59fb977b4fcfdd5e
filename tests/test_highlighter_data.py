import numpy as np
import pytest
import torch

from selfrefine.errors import InputError
from selfrefine.highlighter import FAKE, REAL
from selfrefine.highlighter_data import RealsAndFakes, split
from selfrefine.randomness import stream


def numbered(count, size=4):
    """Images whose every pixel is their row."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, size, size, 3))


def rows(batch, label):
    return batch.images[(batch.labels == label).numpy(), 0, 0, 0].tolist()


@pytest.fixture
def data():
    return RealsAndFakes(numbered(200), numbered(50), seed=3)


def test_real_is_one_and_fake_is_zero():
    assert (FAKE, REAL) == (0, 1)


def test_the_parts_are_80_10_10_and_share_nothing(data):
    for label in (REAL, FAKE):
        parts = [rows(data.part(name), label) for name in ("train", "validation", "test")]
        assert [len(part) for part in parts] == [40, 5, 5]
        assert len({row for part in parts for row in part}) == 50


def test_reals_come_from_all_training_images(data):
    assert max(rows(data.part("train"), REAL)) > 150


def test_another_job_of_the_seed_sees_the_same_split_and_another_seed_does_not(data):
    again = RealsAndFakes(numbered(200), numbered(50), seed=3).part("test")
    assert np.array_equal(again.images, data.part("test").images)
    other = RealsAndFakes(numbered(200), numbered(50), seed=4).part("test")
    assert not np.array_equal(other.images, data.part("test").images)


def test_batches_are_balanced_keyed_by_step_and_of_the_train_part(data):
    batch, again, later = data.batch(7, 16), data.batch(7, 16), data.batch(8, 16)
    assert batch.labels.tolist() == [REAL] * 16 + [FAKE] * 16
    assert np.array_equal(batch.images, again.images)
    assert not np.array_equal(batch.images, later.images)
    for label in (REAL, FAKE):
        assert set(rows(batch, label)) <= set(rows(data.part("train"), label))


def test_dither_is_fresh_at_every_step_and_fixed_in_validation(data):
    def draws(batch):
        return [torch.randn(2, generator=generator).tolist() for generator in batch.streams]

    assert draws(data.part("validation")) == draws(data.part("validation"))
    steps = (
        draws(data.batch(0, 8)) + draws(data.batch(1, 8)) + draws(data.part("validation")) + draws(data.part("test"))
    )
    assert len({tuple(drawn) for drawn in steps}) == 16 + 16 + 10 + 10


def test_images_of_two_sizes_are_refused():
    with pytest.raises(InputError, match="equal sizes needed"):
        RealsAndFakes(numbered(20, 4), numbered(20, 8), seed=0)


def test_too_few_images_are_refused():
    with pytest.raises(InputError, match=r"give 9 of a class; 10 needed"):
        split(100, 9, stream(0, "highlighter", 0))
