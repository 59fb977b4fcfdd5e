import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from selfrefine.core.errors import InputError
from selfrefine.core.names import FAKE_SPLICE, KINDS, REAL_SPLICE
from selfrefine.evidence import planted_flaws
from selfrefine.evidence.planted_flaws import Patch, plant

PATCH = Patch(share=0.5, feather=0.25, blur=0.25, noise=40.0, warp=90.0)
COUNT, SIZE = 12, 16


@pytest.fixture(scope="module")
def ground():
    return np.random.default_rng(0).integers(0, 256, (COUNT, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def fakes():
    return np.random.default_rng(1).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def planted(ground, fakes):
    return plant(ground, fakes, PATCH, seed=0)


def test_outside_the_patch_nothing_changes_and_inside_everything_may(ground, planted):
    outside = planted.masks == 0.0
    for kind in KINDS:
        assert planted.images[kind].dtype == np.uint8
        assert np.array_equal(planted.images[kind][outside], ground[outside])
        changed = (planted.images[kind] != ground).any(axis=(1, 2, 3))
        assert changed.all(), kind


def test_in_its_middle_a_splice_is_the_donor(ground, fakes, planted):
    middle = planted.masks == 1.0
    lent = fakes[np.arange(COUNT) % 5]
    assert np.array_equal(planted.images[FAKE_SPLICE][middle], lent[middle])
    other = np.roll(ground, COUNT // 2, axis=0)
    assert np.array_equal(planted.images[REAL_SPLICE][middle], other[middle])


def test_both_splices_are_mixed_alike(ground, fakes, planted):
    soft = planted.masks[..., None]
    for kind, lent in ((FAKE_SPLICE, fakes[np.arange(COUNT) % 5]), (REAL_SPLICE, np.roll(ground, COUNT // 2, axis=0))):
        mixed = (1.0 - soft) * ground + soft * lent
        assert np.abs(planted.images[kind] - mixed).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("count", [2, 3, 7])
def test_no_image_lends_to_itself(count, ground, fakes):
    numbered = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, SIZE, SIZE, 3))
    found = plant(numbered, fakes, Patch(1.0, 0.0, 0.0, 0.0, 0.0), seed=0).images[REAL_SPLICE][:, 0, 0, 0]
    assert sorted(found) == list(range(count))
    assert (found != np.arange(count)).all()


def test_the_edge_falls_as_it_is_told(planted):
    """Side 8, a quarter of it soft: a pixel's middle lies .5 or 1.5 px behind the edge of a ramp of 2 px."""
    ramp = [0.25, 0.75, 1.0, 1.0, 1.0, 1.0, 0.75, 0.25]
    for mask in planted.masks:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert len(rows) == len(columns) == 8
        assert np.allclose(mask[np.ix_(rows, columns)], np.outer(ramp, ramp))


def test_without_feather_the_edge_is_hard(ground, fakes):
    masks = plant(ground, fakes, Patch(0.5, 0.0, 0.2, 40.0, 90.0), seed=0).masks
    assert set(np.unique(masks)) == {0.0, 1.0}
    assert (masks.sum(axis=(1, 2)) == 64).all()


def test_every_place_is_equally_likely(fakes):
    """9 x 9 places of the upper left corner; chi square of 405 images within 4 standard deviations."""
    masks = plant(np.zeros((405, SIZE, SIZE, 3), np.uint8), fakes, PATCH, seed=0).masks
    tops, lefts = (np.argmax(masks.any(axis=axis), axis=1) for axis in (2, 1))
    counts = np.bincount(tops * 9 + lefts, minlength=81)
    assert len(counts) == 81
    assert abs(((counts - 5.0) ** 2 / 5.0).sum() - 80) < 4 * math.sqrt(160)


def test_blur_is_scipys(ground, fakes, planted):
    """Side 8, a quarter of it: 2 px, cut off at three standard deviations."""
    middle = planted.masks == 1.0
    expected = np.stack(
        [gaussian_filter(image.astype(float), (2, 2, 0), mode="nearest", truncate=3.0) for image in ground]
    )
    assert np.abs(planted.images["blur"][middle] - expected[middle]).max() <= 0.5 + 1e-6


def test_noise_has_its_standard_deviation(fakes):
    grey = np.full((COUNT, SIZE, SIZE, 3), 128, np.uint8)
    found = plant(grey, fakes, Patch(1.0, 0.0, 0.2, 20.0, 90.0), seed=0).images["noise"].astype(float)
    assert found.std() == pytest.approx(20.0, rel=0.03)
    assert found.mean() == pytest.approx(128.0, abs=0.5)


def test_a_quarter_turn_of_the_whole_is_a_rotation(ground, fakes):
    turned = plant(ground, fakes, Patch(1.0, 0.0, 0.2, 20.0, 90.0), seed=0).images["warp"]
    ways = [
        next(quarter for quarter in range(4) if np.array_equal(image, np.rot90(own, quarter)))
        for own, image in zip(ground, turned, strict=True)
    ]
    assert set(ways) == {1, 3}  # both directions


def test_another_patch_does_not_move_it_and_another_image_number_does_not_matter(ground, fakes, planted):
    assert np.array_equal(planted.masks[:4], plant(ground[:4], fakes, PATCH, seed=0).masks)
    other = plant(ground, fakes, Patch(0.5, 0.25, 0.1, 5.0, 10.0), seed=0)
    assert np.array_equal(planted.masks, other.masks)
    assert np.array_equal(planted.images[FAKE_SPLICE], other.images[FAKE_SPLICE])
    assert not np.array_equal(planted.masks, plant(ground, fakes, PATCH, seed=1).masks)


def test_the_dither_is_fresh_and_no_stream_of_a_place():
    first, again = (planted_flaws.dither_streams(np.arange(3), seed=0) for _ in range(2))
    drawn = [[torch.randn(4, generator=each).tolist() for each in streams] for streams in (first, again)]
    assert drawn[0] == drawn[1]
    places = [planted_flaws.stream(0, "planted_flaws", 2 * image) for image in range(3)]
    assert not any(torch.randn(4, generator=each).tolist() in drawn[0] for each in places)


@pytest.mark.parametrize(("count", "share"), [(1, 0.5), (4, 0.01)])
def test_what_cannot_be_planted_is_told(count, share, ground, fakes):
    with pytest.raises(InputError, match=r"evaluate_highlighter\.n_planted") as caught:
        plant(ground[:count], fakes, Patch(share, 0.25, 0.2, 20.0, 90.0), seed=0)
    assert "\n" not in str(caught.value)


def test_a_few_images_at_a_time_get_the_same_patches(ground, fakes):
    whole = plant(ground, fakes, PATCH, seed=0)
    for rows in (np.array([0]), np.array([5, 2, 3])):
        found = plant(ground, fakes, PATCH, 0, rows)
        assert np.array_equal(found.masks, whole.masks[rows])
        assert all(np.array_equal(found.images[kind], whole.images[kind][rows]) for kind in KINDS)
