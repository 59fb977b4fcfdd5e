"""Closed forms, invariances, and the influence function against the derivative that defines it."""

import numpy as np
import pytest

from selfrefine.metrics.frechet import Gaussian, frechet_distance, gaussian, influence


def rotation(size, draws):
    return np.linalg.qr(draws.normal(size=(size, size)))[0]


def correlated(n, size, seed):
    draws = np.random.default_rng(seed)
    return draws.normal(size=(n, size)) @ draws.normal(size=(size, size)) + draws.normal(size=size)


def test_a_set_has_no_distance_to_itself():
    fitted = gaussian(correlated(200, 12, seed=0))
    assert frechet_distance(fitted, fitted) == pytest.approx(0.0, abs=1e-10 * np.trace(fitted.covariance))


def test_gaussians_with_common_axes_have_a_closed_form():
    draws = np.random.default_rng(0)
    axes = rotation(10, draws)
    one, other = draws.uniform(0.1, 3.0, (2, 10))
    shift = draws.normal(size=10)
    a = Gaussian(np.zeros(10), axes @ np.diag(one) @ axes.T)
    b = Gaussian(shift, axes @ np.diag(other) @ axes.T)
    expected = shift @ shift + ((np.sqrt(one) - np.sqrt(other)) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-12)


def test_one_feature_is_enough():
    values = np.array([[0.0], [1.0], [2.0]])
    assert frechet_distance(gaussian(values), gaussian(3.0 * values)) == pytest.approx(4.0 + 4.0)


@pytest.mark.parametrize("change", ["images", "features", "rotation"])
def test_order_and_axes_do_not_matter(change):
    draws = np.random.default_rng(1)
    x, y = correlated(100, 8, seed=2), correlated(120, 8, seed=3)
    before = frechet_distance(gaussian(x), gaussian(y))
    if change == "images":
        x = draws.permutation(x)
    elif change == "features":
        order = draws.permutation(8)
        x, y = x[:, order], y[:, order]
    else:
        axes = rotation(8, draws)
        x, y = x @ axes, y @ axes
    assert frechet_distance(gaussian(x), gaussian(y)) == pytest.approx(before, rel=1e-9)


def test_float32_features_are_measured_in_float64():
    x = correlated(100, 8, seed=2).astype(np.float32)
    fitted = gaussian(1000.0 + x)
    assert fitted.mean.dtype == fitted.covariance.dtype == np.float64
    np.testing.assert_allclose(fitted.covariance, np.cov((1000.0 + x).astype(np.float64), rowvar=False))


def test_influence_is_the_derivative_of_the_distance():
    x, y = correlated(60, 5, seed=4), correlated(60, 5, seed=5)
    reference = gaussian(y)
    weights = np.full(len(x), 1.0 / len(x))

    def distance(weights):
        mean = weights @ x
        return frechet_distance(Gaussian(mean, (weights[:, None] * (x - mean)).T @ (x - mean)), reference)

    mean = x.mean(axis=0)
    phi = influence(x, Gaussian(mean, (x - mean).T @ (x - mean) / len(x)), reference)
    assert phi.mean() == pytest.approx(0.0, abs=1e-12)
    step = 1e-5
    for image in (0, 17, 59):
        towards = (1.0 - step) * weights
        towards[image] += step
        away = (1.0 + step) * weights
        away[image] -= step
        assert phi[image] == pytest.approx((distance(towards) - distance(away)) / (2.0 * step), rel=1e-5)


def test_features_that_never_fire_change_nothing():
    x, y = correlated(80, 6, seed=6), correlated(80, 6, seed=7)
    dead = [np.hstack([features, np.zeros((80, 3))]) for features in (x, y)]
    plain, padded = (gaussian(x), gaussian(y)), (gaussian(dead[0]), gaussian(dead[1]))
    assert frechet_distance(*padded) == pytest.approx(frechet_distance(*plain), rel=1e-9)
    np.testing.assert_allclose(influence(dead[0], *padded), influence(x, *plain), rtol=1e-8, atol=1e-8)
