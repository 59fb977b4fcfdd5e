"""The kernel distance against its definition, image by image."""

import numpy as np
import pytest

from selfrefine.metrics import pairwise_blocks
from selfrefine.metrics.kernel import Pool, kernel_distance


def defined(x, y):
    """The unbiased estimate by loops over all pairs."""

    def kernel(a, b):
        return (a @ b / len(a) + 1.0) ** 3

    within = [
        sum(kernel(p[i], p[j]) for i in range(len(p)) for j in range(len(p)) if i != j) / (len(p) * (len(p) - 1))
        for p in (x, y)
    ]
    return sum(within) - 2.0 * np.mean([[kernel(a, b) for b in y] for a in x])


def jackknife_variance(leave_out, n):
    values = np.array([leave_out(i) for i in range(n)])
    return (n - 1) / n * ((values - values.mean()) ** 2).sum()


@pytest.mark.parametrize(("n", "m"), [(7, 7), (6, 9)])
def test_value_and_error_are_those_of_the_definition(n, m):
    draws = np.random.default_rng(0)
    x, y = draws.normal(size=(n, 4)), draws.normal(0.5, size=(m, 4))
    value, error = kernel_distance(Pool(x), Pool(y))
    assert value == pytest.approx(defined(x, y), rel=1e-12)
    variance = jackknife_variance(lambda i: defined(np.delete(x, i, 0), y), n)
    variance += jackknife_variance(lambda i: defined(x, np.delete(y, i, 0)), m)
    assert error == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_blocks_of_rows_change_nothing(monkeypatch):
    draws = np.random.default_rng(1)
    x, y = draws.normal(size=(50, 6)), draws.normal(size=(41, 6))
    whole = kernel_distance(Pool(x), Pool(y))
    monkeypatch.setattr(pairwise_blocks, "SIDE", 16)
    assert kernel_distance(Pool(x), Pool(y)) == pytest.approx(whole, rel=1e-12)


def test_equal_distributions_have_no_distance_and_the_error_is_the_spread():
    draws = np.random.default_rng(2)
    results = [
        kernel_distance(Pool(draws.normal(size=(60, 5))), Pool(draws.normal(0.6, size=(60, 5)))) for _ in range(200)
    ]
    values, errors = np.transpose(results)
    assert errors.mean() == pytest.approx(values.std(), rel=0.35)
    same = [kernel_distance(Pool(draws.normal(size=(60, 5))), Pool(draws.normal(size=(60, 5))))[0] for _ in range(200)]
    assert np.mean(same) == pytest.approx(0.0, abs=3.0 * np.std(same) / np.sqrt(200))
    assert values.mean() > 10.0 * abs(np.mean(same))
