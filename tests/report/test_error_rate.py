"""How often a verdict of few seeds is wrong: draws of paired differences whose truth is known, judged as tables are.

The interval over seeds is exact for normal differences of any number of seeds: few are no less right, only wide. Skewed
ones cost a little, and no more with three seeds than with six: make_tables.minimum_seeds may be 3.
"""

from collections import Counter

import numpy as np
import pytest

from selfrefine.metrics import intervals
from selfrefine.report.seed_statistics import Judgement

NOMINAL, MARGIN, DRAWS = 0.05, 0.017, 6000
CHANCE = 3.0 * (NOMINAL * (1.0 - NOMINAL) / DRAWS) ** 0.5  # of a rate counted in so many draws
JUDGEMENT = Judgement("baseline", MARGIN, 3)


def verdicts(n_seeds, truth, deviation, shape=0.0):
    """Share of each verdict over draws of `n_seeds` differences.

    Args:
        truth: mean of log FD(variant) - log FD(reference).
        deviation: standard deviation over seeds.
        shape: of a gamma distribution, whose skewness is 2 / sqrt(shape); 0 for a normal one.
    """
    draws = np.random.default_rng(n_seeds)
    size = (DRAWS, n_seeds)
    noise = (draws.gamma(shape, size=size) - shape) / shape**0.5 if shape else draws.standard_normal(size)
    counts = Counter(JUDGEMENT.verdict(list(row)) for row in truth + deviation * noise)
    return {verdict: count / DRAWS for verdict, count in counts.items()}


def directed(shares):
    return shares.get("better", 0.0) + shares.get("worse", 0.0)


@pytest.mark.parametrize("deviation", [0.01, 0.02, 0.05, 0.3])
@pytest.mark.parametrize("n_seeds", [3, 4, 6])
def test_of_no_difference_a_direction_is_found_in_at_most_one_of_twenty(n_seeds, deviation):
    shares = verdicts(n_seeds, 0.0, deviation)
    assert directed(shares) <= NOMINAL + CHANCE
    if deviation == 0.3:  # beyond any margin it is one of twenty, not fewer: the test is not merely dull
        assert directed(shares) >= NOMINAL - CHANCE


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("deviation", [0.002, 0.01, 0.05])
@pytest.mark.parametrize("n_seeds", [3, 4, 6])
def test_a_difference_at_the_margin_is_called_equivalent_in_at_most_one_of_twenty(n_seeds, deviation, sign):
    shares = verdicts(n_seeds, sign * MARGIN, deviation)
    assert shares.get("equivalent", 0.0) <= NOMINAL + CHANCE
    assert shares.get("worse" if sign < 0.0 else "better", 0.0) <= NOMINAL / 2.0 + CHANCE
    if deviation == 0.002:
        assert shares["equivalent"] >= NOMINAL - CHANCE


@pytest.mark.parametrize(("skewness", "bound"), [(0.5, 0.075), (1.0, 0.105)])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("n_seeds", [3, 4, 6])
def test_mildly_skewed_differences_cost_a_little_and_three_seeds_no_more_than_six(n_seeds, sign, skewness, bound):
    shape = 4.0 / skewness**2
    assert directed(verdicts(n_seeds, 0.0, sign * 0.05, shape)) <= bound
    at_margin = [verdicts(n_seeds, truth, sign * 0.005, shape).get("equivalent", 0.0) for truth in (-MARGIN, MARGIN)]
    assert max(at_margin) <= bound
    assert sum(at_margin) / 2.0 <= bound - 0.02  # what is lost on one side is gained on the other


@pytest.mark.parametrize(("n_seeds", "reach"), [(3, 2.484), (4, 1.591), (6, 1.049), (10, 0.715)])
def test_few_seeds_are_wide(n_seeds, reach):
    """Half the interval, in standard deviations between seeds: t / sqrt(n), tabulated."""
    assert intervals.reach(n_seeds) == pytest.approx(reach, abs=1e-3)
    differences = np.random.default_rng(0).normal(size=n_seeds)
    low, high = intervals.over_seeds(list(differences))
    assert (high - low) / 2.0 == pytest.approx(intervals.reach(n_seeds) * differences.std(ddof=1))


def test_fewer_than_the_least_number_have_no_verdict():
    assert JUDGEMENT.verdict([-0.1, -0.11]) == "not assessed"
    assert JUDGEMENT.verdict([-0.1, -0.11, -0.12]) == "better"
