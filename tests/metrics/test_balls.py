"""Precision, recall, clipped density and clipped coverage: against counting pair by pair, closed forms, invariances."""

import math

import numpy as np
import pytest

from selfrefine.metrics import pairwise_blocks
from selfrefine.metrics.balls import Balls, expected_coverage, figures, share_of_good

CLIPPED = ("clipped_density", "clipped_coverage")


def column(*values):
    return np.array(values, dtype=np.float64)[:, None]


def normal(seed, n, d=4, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def naive(sample, real, k):
    """All four by their definitions: every pair of images on its own, whole tables, no blocks."""

    def distance(x, y):
        return math.dist(x, y)

    def kth(points):
        return [sorted(distance(x, y) for j, y in enumerate(points) if j != i)[k - 1] for i, x in enumerate(points)]

    def density(points, own):
        counts = [
            sum(distance(y, x) <= short[i] for i, x in enumerate(real) if not (own and i == j))
            for j, y in enumerate(points)
        ]
        return np.mean([min(count / k, 1.0) for count in counts])

    balls, theirs, first = kth(real), kth(sample), real[: len(sample)]
    short = [min(radius, np.median(balls)) for radius in balls]
    covered = [
        min(sum(distance(x, y) <= radius for y in sample) / k, 1.0) for x, radius in zip(first, kth(first), strict=True)
    ]
    return {
        "precision": np.mean([any(distance(y, x) <= r for x, r in zip(real, balls, strict=True)) for y in sample]),
        "recall": np.mean([any(distance(x, y) <= r for y, r in zip(sample, theirs, strict=True)) for x in real]),
        "clipped_density": min(density(sample, own=False) / density(real, own=True), 1.0),
        "clipped_coverage": share_of_good(float(np.mean(covered)), len(sample), len(first), k),
    }


@pytest.mark.parametrize(("n", "m"), [(60, 60), (40, 90), (90, 40)])
@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("side", [2, 7, 2048])  # of two images: fewer than the neighbours that are looked for
def test_figures_are_those_of_counting_pair_by_pair(monkeypatch, n, m, k, side):
    monkeypatch.setattr(pairwise_blocks, "SIDE", side)
    sample, real = normal(0, n, shift=0.7), normal(1, m)
    found = figures(Balls(sample, k), Balls(real, k))
    assert found == pytest.approx(naive(sample, real, k), abs=1e-12)
    assert all(0.0 < value < 1.0 for value in found.values())


def test_radius_is_the_distance_to_the_kth_other_image():
    points = column(0.0, 1.0, 3.0, 7.0)
    np.testing.assert_allclose(Balls(points, 1).squared_radii, [1.0, 1.0, 4.0, 16.0])
    np.testing.assert_allclose(Balls(points, 2).squared_radii, [9.0, 4.0, 9.0, 36.0])
    np.testing.assert_allclose(Balls(points, 1).clipped_radii, [1.0, 1.0, 2.5, 2.5])  # the median of four


def test_far_sets_share_nothing_and_a_set_covers_itself():
    x = normal(0, 40)
    assert set(figures(Balls(x, 3), Balls(x + 100.0, 3)).values()) == {0.0}
    assert figures(Balls(x, 3), Balls(x, 3)) == dict.fromkeys(("precision", "recall", *CLIPPED), 1.0)


@pytest.mark.parametrize("change", ["order", "scale", "shift", "rotation", "more_features_of_nothing"])
def test_figures_do_not_depend_on(change):
    """The numbering of images (where all are compared), unit, place and direction of features."""
    sample, real = normal(2, 80, shift=0.6), normal(3, 80)
    rotation, _ = np.linalg.qr(normal(4, 4))
    changed = {
        "order": lambda x: np.random.default_rng(len(x)).permutation(x),
        "scale": lambda x: 7.5 * x,
        "shift": lambda x: x + 3.0,
        "rotation": lambda x: x @ rotation,
        "more_features_of_nothing": lambda x: np.hstack([x, np.zeros_like(x)]),
    }[change]
    before, after = (figures(Balls(f(sample), 3), Balls(f(real), 3)) for f in (lambda x: x, changed))
    assert after == pytest.approx(before, abs=1e-12)


@pytest.mark.parametrize("good", [0.0, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize(("d", "k"), [(2, 3), (8, 5), (64, 3)])
def test_clipped_figures_read_as_the_share_of_good_images(good, d, k):
    """The rest is far noise. Within 4 standard errors of ten repeats, and 0.02 of what is clipped at 1."""
    found = []
    for seed in range(10):
        sample, real = normal((seed, 0), 300, d), normal((seed, 1), 300, d)
        sample[round(good * 300) :] += 1e3 * normal((seed, 2), 300 - round(good * 300), d)
        found.append([figures(Balls(sample, k), Balls(real, k))[name] for name in CLIPPED])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(9)
    assert mean == pytest.approx(good, abs=float(4.0 * error.max() + 0.02))
    assert error.max() < 0.04


def test_far_real_images_spoil_precision_but_not_clipped_density():
    """Ten outliers among the photographs have balls that hold all bad images between them and the others."""
    real = np.concatenate([normal(5, 290, 2), 60.0 * normal(6, 10, 2)])
    bad = 12.0 * normal(7, 300, 2)
    bad = bad[np.linalg.norm(bad, axis=1) > 6.0]
    found = figures(Balls(bad, 3), Balls(real, 3))
    assert found["precision"] > 0.9
    assert found["clipped_density"] < 0.02


@pytest.mark.parametrize("m", [256, 2560])
def test_a_sample_without_half_of_the_modes_covers_half(m):
    """Also where there are ten times as many photographs: of these the first are taken, as many as generated.

    Of half of the balls each expects what a ball among 128 real images holds of 256, clipped; without clipping 1.0.
    """
    sample, real = normal(8, 256), normal(10, m)
    real[::2] += 50.0
    found = figures(Balls(sample, 3), Balls(real, 3))
    expected = share_of_good(0.5 * float(expected_coverage(np.array([256]), 128, 3)[0]), 256, 256, 3)
    assert 0.5 < expected < 0.6
    assert found["clipped_coverage"] == pytest.approx(expected, abs=0.06)
    assert found["clipped_density"] > 0.9


@pytest.mark.parametrize(("n_real", "k", "n_good"), [(20, 3, 15), (60, 5, 60), (500, 3, 50)])
def test_expected_coverage_is_that_of_draws(n_real, k, n_good):
    """Uniform images on a circle: the mean over many drawn sets is the closed form."""
    draws = np.random.default_rng(11)
    found = []
    for _ in range(400):
        real, good = draws.random(n_real), draws.random(n_good)

        def gaps(x, y):
            apart = np.abs(x[:, None] - y)
            return np.minimum(apart, 1.0 - apart)

        reach = np.sort(gaps(real, real), axis=1)[:, k]
        found.append(np.minimum((gaps(real, good) <= reach[:, None]).sum(axis=1), k).mean() / k)
    expected = expected_coverage(np.array([n_good]), n_real, k)[0]
    assert np.mean(found) == pytest.approx(expected, abs=4.0 * np.std(found) / 20.0)


@pytest.mark.parametrize(("n_real", "k"), [(4, 3), (100, 3), (10000, 5)])
def test_expected_coverage_has_its_closed_forms(n_real, k):
    """Up to k images nothing can be clipped, and each is in a ball with chance k / N; it grows, and never reaches 1."""
    n_good = np.arange(2001)
    expected = expected_coverage(n_good, n_real, k)
    np.testing.assert_allclose(expected[: k + 1], n_good[: k + 1] / n_real, atol=1e-10)
    assert (np.diff(expected) > 0.0).all()
    assert expected[-1] < 1.0


@pytest.mark.parametrize("n_sample", [5, 300])
def test_share_of_good_undoes_the_expectation(n_sample):
    whole = expected_coverage(np.arange(n_sample + 1), 200, 3)
    shares = [share_of_good(float(covered), n_sample, 200, 3) for covered in whole]
    np.testing.assert_allclose(shares, np.arange(n_sample + 1) / n_sample, atol=1e-9)
    assert share_of_good(1.0, n_sample, 200, 3) == 1.0
