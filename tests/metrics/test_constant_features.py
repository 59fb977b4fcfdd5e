"""Features that do not vary, of generated or real images: every figure has a value, and nothing divides by 0."""

import itertools
import math
import warnings

import numpy as np
import pytest

from selfrefine.metrics import intervals
from selfrefine.metrics.generation import ImageSet, RealImages, log_difference, measure

D = 4
SHARES = ("precision", "recall", "clipped_density", "clipped_coverage")
SIZES = (64, 8)  # with an interval of FD, and without


def sets(n):
    draws = np.random.default_rng(0)
    varied = draws.normal(size=(n, 1))
    return {
        "random": draws.normal(size=(n, D)),
        "zero": np.zeros((n, D)),
        "one": np.ones((n, D)),
        "two_points": np.repeat(draws.normal(size=(2, D)), n // 2, axis=0),
        "one_feature": np.hstack([varied, np.zeros((n, D - 1))]),
        "equal_features": np.repeat(varied, D, axis=1),
        "least": np.full((n, D), 1e-300),
    }


KINDS = tuple(sets(2))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(("sample", "train", "test"), list(itertools.product(KINDS, KINDS, KINDS)))
def test_every_figure_is_a_number(sample, train, test, n):
    found = {name: ImageSet(features, 3) for name, features in sets(n).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = measure(found[sample], RealImages(found[train], found[test]))
        difference = log_difference(found[sample], found[train], found[test])
    for name, figure in figures.items():
        assert math.isfinite(figure.value), name
    for name in SHARES:
        assert 0.0 <= figures[name].value <= 1.0
    assert math.isnan(difference.value) or math.isfinite(difference.value)
    if sample == train and figures["fd_test"].value > 1e-9:
        assert difference.value == 0.0


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(("one", "other"), [(0.0, 0.0), (0.0, 1.0), (2.0, -1.0)])
def test_two_points_have_the_distances_of_their_formulas(one, other, n):
    """FD is the squared distance; the kernel's is k(x, x) + k(y, y) - 2 k(x, y) with k = (xy + 1)^3; both exact."""
    sample, real = (ImageSet(np.full((n, D), value), 3) for value in (one, other))
    figures = measure(sample, RealImages(real, real))
    squared = D * (one - other) ** 2
    kernel = (one**2 + 1) ** 3 + (other**2 + 1) ** 3 - 2 * (one * other + 1) ** 3
    assert figures["fd_test"].value == figures["fd_train"].value == pytest.approx(squared, abs=1e-12)
    assert figures["kid_test"].value == pytest.approx(kernel, abs=1e-12)
    assert figures["kid_test"].high - figures["kid_test"].low == pytest.approx(0.0, abs=1e-12)
    assert {figures[name].value for name in SHARES} == {float(one == other)}
    assert figures["nearest_in_train"].value == 0.5


@pytest.mark.parametrize(
    ("values", "p", "verdict"),
    [
        ([0.0] * 6, 1.0, "equivalent"),
        ([0.3] * 6, 0.0, "worse"),
        ([-0.3] * 6, 0.0, "better"),
        ([math.nan] * 6, math.nan, "undefined"),
        ([0.0, math.inf] * 3, math.nan, "undefined"),
    ],
)
def test_seeds_that_do_not_differ_have_a_verdict_or_are_undefined(values, p, verdict):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert intervals.verdict(values, margin=0.017, minimum_seeds=6) == verdict
        if all(map(math.isfinite, values)):
            assert intervals.p_value(values) == pytest.approx(p)
            assert intervals.over_seeds(values) == pytest.approx((values[0], values[0]))
