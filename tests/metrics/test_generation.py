"""What is measured of a set of images, and when it has an interval."""

import math

import numpy as np
import pytest

from selfrefine.metrics.generation import ImageSet, RealImages, compare, log_difference, measure

D, N = 4, 64
SHARES = ("precision", "recall", "clipped_density", "clipped_coverage")


@pytest.fixture
def real():
    train, test = np.random.default_rng(0).normal(size=(2, N, D))
    return RealImages(ImageSet(train, 3), ImageSet(test, 3))


def image_set(shift, n=N, size=D, seed=1):
    return ImageSet(np.random.default_rng(seed).normal(size=(n, size)) + shift, 3)


def test_generated_images_near_real_ones_measure_better(real):
    near, far = measure(image_set(0.0), real), measure(image_set(2.0), real)
    assert near.keys() == {"fd_test", "kid_test", *SHARES, "fd_train", "nearest_in_train"}
    for metric in ("fd_test", "fd_train", "kid_test"):
        assert near[metric].value < far[metric].value
    for metric in SHARES:
        assert near[metric].value > far[metric].value
    for metric in ("fd_test", "fd_train", "kid_test", "nearest_in_train"):
        assert near[metric].low < near[metric].value < near[metric].high


def test_floor_is_the_comparison_of_the_splits(real):
    floor = compare(real.train, real.test)
    assert floor["fd_test"] == measure(real.train, real)["fd_test"]
    assert floor["precision"].value > 0.5


def test_recall_is_precision_the_other_way_round(real):
    sample = image_set(0.5)
    assert compare(sample, real.test)["recall"] == compare(real.test, sample)["precision"]


def test_difference_is_antisymmetric_and_paired(real):
    one, other = image_set(0.5), image_set(0.6)  # the same noise
    there, back = log_difference(one, other, real.test), log_difference(other, one, real.test)
    assert there.value == pytest.approx(-back.value)
    assert there.low == pytest.approx(-back.high)
    apart = log_difference(one, image_set(0.6, seed=2), real.test)
    assert there.high - there.low < 0.5 * (apart.high - apart.low)


def test_too_few_images_per_feature_give_no_interval(real):
    wide = RealImages(image_set(0.0, size=9, seed=3), image_set(0.0, size=9, seed=4))
    sample = image_set(1.0, size=9)
    assert math.isnan(measure(sample, wide)["fd_test"].low)
    assert math.isnan(log_difference(sample, wide.train, wide.test).high)
    assert math.isfinite(log_difference(sample, wide.train, wide.test).value)
