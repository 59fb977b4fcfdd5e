"""Nearest neighbours where the answer can be counted."""

import itertools

import numpy as np
import pytest

from selfrefine.metrics import pairwise_blocks
from selfrefine.metrics.neighbours import effective_images, nearest_in_train


def column(*values):
    return np.array(values, dtype=np.float64)[:, None]


def test_blocks_of_rows_change_nothing(monkeypatch):
    draws = np.random.default_rng(1)
    x, y = draws.normal(size=(50, 4)), draws.normal(0.5, size=(50, 4))
    whole = nearest_in_train(x, y, x[::-1] + 0.1)
    for side in (7, 2):
        monkeypatch.setattr(pairwise_blocks, "SIDE", side)
        assert nearest_in_train(x, y, x[::-1] + 0.1) == whole


def test_memorised_images_are_found():
    draws = np.random.default_rng(2)
    train, test = draws.normal(size=(2, 200, 8))
    assert nearest_in_train(train + 1e-3, train, test).value == 1.0
    assert nearest_in_train(test + 1e-3, train, test).value == 0.0


def test_chance_is_one_half():
    draws = np.random.default_rng(3)
    shares = [nearest_in_train(*draws.normal(size=(3, 100, 4))).value for _ in range(30)]
    assert np.mean(shares) == pytest.approx(0.5, abs=3.0 * np.std(shares) / np.sqrt(30))


def test_ties_count_one_half_and_pools_must_be_equal():
    pool = column(0.0, 1.0)
    assert nearest_in_train(column(0.2, 0.4), pool, pool).value == 0.5
    with pytest.raises(ValueError, match="equal size"):
        nearest_in_train(pool, pool, column(0.0))


def normal(draws, size):
    return draws.normal(size=size)


def hubs(draws, size):
    """Skewed features of images of very different contrast, as after a ReLU: some real images are near to all."""
    return draws.gamma(0.5, size=size) * draws.gamma(2.0, size=(size[0], 1))


@pytest.mark.parametrize(
    ("features", "n", "pool", "d"),
    [
        (normal, 200, 200, 16),
        (normal, 200, 200, 256),
        (normal, 64, 64, 8),
        (hubs, 600, 100, 64),
        (hubs, 100, 500, 32),
    ],
)
def test_interval_of_a_model_that_memorises_nothing_holds_one_half(features, n, pool, d):
    draws, repeats = np.random.default_rng(4), 250
    found = [nearest_in_train(*(features(draws, (count, d)) for count in (n, pool, pool))) for _ in range(repeats)]
    held = np.mean([estimate.low <= 0.5 <= estimate.high for estimate in found])
    assert held == pytest.approx(0.95, abs=4.0 * np.sqrt(0.95 * 0.05 / repeats))


def test_interval_that_takes_real_images_as_given_would_be_too_narrow():
    draws = np.random.default_rng(5)
    found = [nearest_in_train(*draws.normal(size=(3, 200, 256))) for _ in range(100)]
    assert np.mean([abs(estimate.value - 0.5) < 1.96 * 0.5 / np.sqrt(200) for estimate in found]) < 0.85


def test_a_model_that_copies_a_third_of_its_images_is_told():
    draws = np.random.default_rng(6)
    held, above = [], []
    for _ in range(100):
        train, test, sample = draws.normal(size=(3, 250, 32))
        copies = draws.random(250) < 0.3
        sample[copies] = train[draws.integers(0, 250, copies.sum())] + 0.01 * sample[copies]
        estimate = nearest_in_train(sample, train, test)
        held.append(estimate.low <= 0.65 <= estimate.high)
        above.append(estimate.low > 0.5)
    assert np.mean(held) > 0.88
    assert np.mean(above) > 0.8


def test_effective_number_is_the_variance_over_all_deals_of_the_real_images():
    served = np.array([5.0, 0.0, 2.0, 1.0, 1.0, 0.0])
    shares = [served[list(chosen)].sum() / served.sum() for chosen in itertools.combinations(range(6), 3)]
    assert 0.25 / effective_images(served) == pytest.approx(np.var(shares))
    assert effective_images(np.ones(4)) == np.inf
