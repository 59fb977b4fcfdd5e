import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from selfrefine.evidence import shortcut_baseline
from selfrefine.evidence.shortcut_baseline import Images, features, logistic, probability


def levels(grey):
    """(N, H, W) as three equal channels."""
    return np.repeat(np.asarray(grey)[:, None], 3, axis=1)


def wave(cycles, size=16, amplitude=30.0):
    across = 100.0 + amplitude * np.cos(2 * math.pi * cycles * np.arange(size))
    return levels(np.broadcast_to(across, (1, size, size)))


def test_zeros_and_mean_are_counted():
    grey = np.zeros((2, 4, 4))
    grey[0, 0] = 80.0
    grey[1, :, :2] = 1.0
    assert features(levels(grey))[:, :2].tolist() == [[0.75, 20.0], [0.5, 0.5]]


def test_a_pixel_is_zero_where_all_channels_are():
    image = np.zeros((1, 3, 2, 2))
    image[0, 1, 0, 0] = 5.0
    assert features(image)[0, 0] == 0.75


@pytest.mark.parametrize("cycles", [1 / 16, 1 / 8, 1 / 4])
def test_slow_waves_have_no_high_frequency(cycles):
    assert features(wave(cycles))[0, 2] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("cycles", [5 / 16, 3 / 8, 7 / 16])
def test_a_fast_wave_has_the_energy_of_a_cosine(cycles):
    assert features(wave(cycles))[0, 2] == pytest.approx(30.0**2 / 2)
    assert features(np.swapaxes(wave(cycles), 2, 3))[0, 2] == pytest.approx(30.0**2 / 2)


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0, 50.0])
def test_the_regression_is_scikit_learns(shift):
    """Also where a line tells the classes apart."""
    draws = np.random.default_rng(0)
    labels = np.repeat([0, 1], [70, 90])
    values = draws.normal(size=(160, 3)) * [1.0, 30.0, 4000.0] + labels[:, None] * [shift, 0.0, -4000.0 * shift]
    fitted = logistic(values, labels)
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    oracle = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(standard, labels)
    assert fitted.weights == pytest.approx(oracle.coef_[0], abs=1e-4)
    assert fitted.offset == pytest.approx(oracle.intercept_[0], abs=1e-4)
    assert probability(values, fitted) == pytest.approx(oracle.predict_proba(standard)[:, 1], abs=1e-5)


def test_a_constant_feature_is_ignored():
    draws = np.random.default_rng(0)
    labels = np.repeat([0, 1], 50)
    values = np.stack([np.full(100, 7.0), draws.normal(size=100) + labels], axis=1)
    assert logistic(values, labels).weights[0] == pytest.approx(0.0, abs=1e-9)


def classes(size, seed, background):
    """Real images are black where nothing is, generated ones `background`; nothing else differs."""
    draws = np.random.default_rng(seed)
    grey = draws.integers(30, 200, (2 * size, 8, 8)).astype(float)
    black = draws.random((2 * size, 8, 8)) < 0.5
    labels = np.repeat([1, 0], size)
    grey[black] = np.broadcast_to(np.where(labels, 0.0, background)[:, None, None], grey.shape)[black]
    return Images(features(levels(grey)), labels)


def test_a_background_that_is_not_quite_black_gives_fakes_away():
    found = shortcut_baseline.roc_auc(classes(60, 0, 2.0), classes(40, 1, 2.0), seed=0)
    assert found.value > 0.99


def test_equal_backgrounds_give_nothing_away():
    train, test = classes(200, 0, 0.0), classes(100, 1, 0.0)
    found = shortcut_baseline.roc_auc(train, test, seed=0)
    assert found.low < 0.5 < found.high
    p_real = probability(test.numbers, logistic(train.numbers, train.labels))
    assert found.value == pytest.approx(roc_auc_score(test.labels, p_real))


def background(maps, images):
    return shortcut_baseline.background(shortcut_baseline.on_background(maps, images))


def agreement(maps, others):
    return shortcut_baseline.agreement(shortcut_baseline.correlations(maps, others))


class TestBackground:
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[:, :2] = 200
    images[1, 0, 0] = 8  # still background
    images[1, 2, 0] = (9, 0, 0)  # not background

    def test_a_map_without_preference_has_the_share_of_the_pixels(self):
        found = background(np.ones((2, 16, 16), np.float32), self.images)
        assert found["background_mass"].value == pytest.approx(0.5)
        assert found["background_share"].value == 0.5

    def test_mass_is_counted_where_it_lies(self):
        maps = np.zeros((2, 8, 8), np.float32)
        maps[0, 4:] = 1.0  # all of it on the background
        maps[1, :2, :2] = 1.0  # the pixel of level 8
        maps[1, 0, 4:] = 1.0  # as much on the object
        found = background(maps, self.images)
        assert found["background_mass"].value == pytest.approx((1.0 + 0.5) / 2)

    def test_empty_maps_have_no_place(self):
        maps = np.zeros((2, 8, 8), np.float32)
        maps[0, 7] = 0.5
        found = background(maps, self.images)
        assert found["background_mass"].value == 1.0
        assert found["evidence_generated"].value == 0.5
        assert math.isnan(background(np.zeros_like(maps), self.images)["background_mass"].value)


def test_agreement_is_the_mean_correlation_of_maps_that_vary():
    draws = np.random.default_rng(0)
    maps = draws.random((4, 8, 8))
    others = np.stack([maps[0], -maps[1], draws.random((8, 8)), np.zeros((8, 8))])
    expected = np.mean([1.0, -1.0, np.corrcoef(maps[2].ravel(), others[2].ravel())[0, 1]])
    found = agreement(maps, others)
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high
    assert math.isnan(agreement(np.zeros((2, 8, 8)), others[:2]).value)
