"""Balls and nearest neighbours where the answer can be counted."""

import numpy as np
import pytest

from selfrefine.metrics import pairwise_blocks
from selfrefine.metrics.neighbours import coverage, nearest_in_train, radii


def column(*values):
    return np.array(values, dtype=np.float64)[:, None]


def test_radius_is_the_distance_to_the_kth_other_image():
    points = column(0.0, 1.0, 3.0, 7.0)
    np.testing.assert_allclose(radii(points, 1), [1.0, 1.0, 4.0, 16.0])
    np.testing.assert_allclose(radii(points, 2), [9.0, 4.0, 9.0, 36.0])


def test_coverage_counts_points_in_any_ball():
    centres, squared_radii = column(0.0, 10.0), np.array([1.0, 4.0])
    assert coverage(column(0.5, 1.0, 1.5, 8.0, 7.9), centres, squared_radii) == pytest.approx(3 / 5)


def test_far_sets_share_nothing_and_a_set_covers_itself():
    draws = np.random.default_rng(0)
    x = draws.normal(size=(40, 3))
    far = x + 100.0
    assert coverage(x, far, radii(far, 3)) == 0.0
    assert coverage(x, x, radii(x, 3)) == 1.0


def test_blocks_of_rows_change_nothing(monkeypatch):
    draws = np.random.default_rng(1)
    x, y = draws.normal(size=(50, 4)), draws.normal(0.5, size=(50, 4))
    whole = coverage(x, y, radii(y, 3)), nearest_in_train(x, y, x[::-1] + 0.1)
    monkeypatch.setattr(pairwise_blocks, "ROWS", 7)
    assert (coverage(x, y, radii(y, 3)), nearest_in_train(x, y, x[::-1] + 0.1)) == whole


def test_memorised_images_are_found():
    draws = np.random.default_rng(2)
    train, test = draws.normal(size=(2, 200, 8))
    assert nearest_in_train(train + 1e-3, train, test) == 1.0
    assert nearest_in_train(test + 1e-3, train, test) == 0.0


def test_chance_is_one_half():
    draws = np.random.default_rng(3)
    shares = [nearest_in_train(*draws.normal(size=(3, 100, 4))) for _ in range(30)]
    assert np.mean(shares) == pytest.approx(0.5, abs=3.0 * np.std(shares) / np.sqrt(30))


def test_ties_count_one_half_and_pools_must_be_equal():
    pool = column(0.0, 1.0)
    assert nearest_in_train(column(0.2, 0.4), pool, pool) == 0.5
    with pytest.raises(ValueError, match="equal size"):
        nearest_in_train(pool, pool, column(0.0))
