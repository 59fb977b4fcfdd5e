import hashlib

import numpy as np
import pytest
import torch

from selfrefine.core.errors import InputError
from selfrefine.core.random_streams import stream
from selfrefine.highlighter.data import RealsAndFakes, draw_seed, fakes_of_draw, split, use_seed
from selfrefine.highlighter.model import FAKE, REAL


def numbered(count, size=4):
    """Images whose every pixel is their row."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, size, size, 3))


def rows(batch, label):
    return batch.images[(batch.labels == label).numpy(), 0, 0, 0].tolist()


@pytest.fixture
def data():
    return RealsAndFakes(numbered(200), numbered(50), seed=3)


@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_pieces_are_the_images_labels_and_dither_of_the_part(data, part, size):
    for label in (REAL, FAKE):
        whole, pieces = data.part(part).of(label), list(data.pieces(part, label, size))
        assert all(len(piece.images) <= size for piece in pieces)
        assert np.array_equal(np.concatenate([piece.images for piece in pieces]), whole.images)
        assert torch.equal(torch.cat([piece.labels for piece in pieces]), whole.labels)
        drawn = [stream.initial_seed() for piece in pieces for stream in piece.streams]
        assert drawn == [stream.initial_seed() for stream in whole.streams]


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


def test_the_images_of_a_label_keep_their_streams(data):
    test = data.part("test")
    fakes, again = test.of(FAKE), data.part("test")
    assert fakes.images[:, 0, 0, 0].tolist() == rows(test, FAKE)
    assert fakes.labels.tolist() == [FAKE] * 5
    for one, other in zip(fakes.streams, again.streams[5:], strict=True):
        assert torch.equal(torch.randn(3, generator=one), torch.randn(3, generator=other))


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


def digest(data):
    """Of all that a highlighter sees of its data: images, labels, dither, initial head."""
    seen = hashlib.sha256()
    parts = [data.part(name) for name in ("train", "validation", "test")]
    for batch in [data.batch(0, 8), data.batch(7, 8), *parts]:
        seen.update(np.ascontiguousarray(batch.images).tobytes())
        seen.update(batch.labels.numpy().tobytes())
        for generator in batch.streams:
            seen.update(torch.randn(3, generator=generator).numpy().tobytes())
    seen.update(str(use_seed(data.seed, "initial_head")).encode())
    return seen.hexdigest()


def test_the_first_draw_is_what_it_was_before_there_were_others(data):
    """The digest is that of the code before draws and permuted labels."""
    assert digest(data) == "7544d40dcaa921eac0390a734e99561b6baad46536c442002caaff391101696a"


class TestDraws:
    def test_each_has_its_own_split_batches_dither_and_head(self, data):
        second, third = (RealsAndFakes(numbered(200), numbered(50), 3, draw) for draw in (1, 2))
        for one, other in ((data, second), (second, third)):
            assert use_seed(one.seed, "initial_head") != use_seed(other.seed, "initial_head")
            assert rows(one.part("test"), REAL) != rows(other.part("test"), REAL)
            assert rows(one.part("test"), FAKE) != rows(other.part("test"), FAKE)
            assert rows(one.batch(0, 16), REAL) != rows(other.batch(0, 16), REAL)
            drawn = [torch.randn(4, generator=each.batch(0, 2).streams[0]) for each in (one, other)]
            assert not torch.equal(*drawn)

    def test_the_seeds_of_all_runs_and_draws_differ(self):
        seeds = [draw_seed(seed, draw) for seed in range(5) for draw in range(5)]
        assert len(set(seeds)) == len(seeds)
        assert [draw_seed(seed, 0) for seed in range(5)] == list(range(5))

    def test_they_share_no_fake(self):
        parts = [fakes_of_draw(numbered(50), draw, 16)[:, 0, 0, 0].tolist() for draw in range(3)]
        assert parts == [list(range(0, 16)), list(range(16, 32)), list(range(32, 48))]

    def test_too_few_fakes_for_a_draw_are_told(self):
        with pytest.raises(InputError, match=r"generate_fakes.n_images gave 50 images; 51 needed") as caught:
            fakes_of_draw(numbered(50), 2, 17)
        assert "\n" not in str(caught.value)


class TestPermutedLabels:
    @pytest.fixture
    def shuffled(self):
        return RealsAndFakes(numbered(200), numbered(50), 3, shuffle_labels=True)

    @pytest.mark.parametrize("part", ["train", "validation", "test"])
    def test_nothing_else_changes(self, data, shuffled, part):
        for one, other in ((data.part(part), shuffled.part(part)), (data.batch(7, 16), shuffled.batch(7, 16))):
            assert np.array_equal(one.images, other.images)
            drawn = [[torch.randn(2, generator=each).tolist() for each in batch.streams] for batch in (one, other)]
            assert drawn[0] == drawn[1]

    @pytest.mark.parametrize("part", ["train", "validation"])
    def test_counts_stay_and_nothing_is_said_of_the_truth(self, part):
        truth = RealsAndFakes(numbered(200), numbered(200), 3).part(part).labels
        found = RealsAndFakes(numbered(200), numbered(200), 3, shuffle_labels=True).part(part).labels
        assert torch.equal(found.bincount(), truth.bincount())
        assert abs(torch.corrcoef(torch.stack([found, truth]).double())[0, 1]) < 1e-9

    def test_a_plain_permutation_would_say_something_of_the_truth(self):
        """Why as many of each class change sides: at 1,600 images chance alone leaves a correlation of about .025."""
        truth = torch.arange(1600) % 2
        draws = torch.Generator().manual_seed(0)
        plain = torch.stack([truth[torch.randperm(1600, generator=draws)] for _ in range(100)])
        correlations = torch.corrcoef(torch.cat([truth[None], plain]).double())[0, 1:]
        assert correlations.std() == pytest.approx(0.025, rel=0.3)

    def test_an_odd_number_leaves_one_image_over(self, shuffled):
        labels = shuffled.part("validation").labels
        assert labels.bincount().tolist() == [5, 5]
        assert int((labels[:5] == REAL).sum()) == 3

    def test_the_test_part_keeps_the_truth(self, data, shuffled):
        assert torch.equal(shuffled.part("test").labels, data.part("test").labels)

    def test_an_image_has_the_same_label_in_every_batch_and_in_its_part(self, shuffled):
        train = shuffled.part("train")
        known = {
            (bool(row >= 40), int(train.images[row, 0, 0, 0])): int(label) for row, label in enumerate(train.labels)
        }
        for step in range(5):
            batch = shuffled.batch(step, 16)
            for row, label in enumerate(batch.labels):
                assert known[row >= 16, int(batch.images[row, 0, 0, 0])] == label

    def test_a_batch_has_both_labels_in_both_classes(self, shuffled):
        labels = shuffled.batch(0, 64).labels
        for half in (labels[:64], labels[64:]):
            assert 0.25 < half.double().mean() < 0.75

    def test_another_seed_permutes_otherwise(self, shuffled):
        other = RealsAndFakes(numbered(200), numbered(50), 4, shuffle_labels=True)
        assert not torch.equal(shuffled.part("train").labels, other.part("train").labels)
