"""Intervals on data whose truth is known, and what the naive way would have claimed."""

import math

import numpy as np
import pytest
from scipy import stats

from selfrefine.metrics import intervals
from selfrefine.metrics.frechet import Gaussian, frechet_distance, gaussian, influence
from selfrefine.metrics.intervals import Estimate, holm, over_seeds, p_value, verdict

D, N = 16, 160  # ten images per feature
SPREAD = np.linspace(0.5, 2.0, D)
REFERENCE = Gaussian(np.zeros(D), np.eye(D))


def draw(noise, shift):
    """Features, their FD to REFERENCE and its influence; `noise` is (N, D) standard normal."""
    features = noise * np.sqrt(SPREAD) + shift
    fitted = gaussian(features)
    return frechet_distance(fitted, REFERENCE), influence(features, fitted, REFERENCE)


def half_width(estimate):
    return (estimate.high - estimate.low) / 2.0


def test_error_of_fd_is_its_spread_over_samples():
    draws = np.random.default_rng(0)
    samples = [draw(draws.normal(size=(N, D)), 0.3) for _ in range(200)]
    spread = np.std([distance for distance, _ in samples])
    errors = [half_width(intervals.distance_interval(*sample)) / intervals.Z for sample in samples]
    assert np.mean(errors) == pytest.approx(spread, rel=0.35)


def test_common_noise_narrows_the_difference():
    draws = np.random.default_rng(1)
    ratios, paired, unpaired = [], [], []
    for _ in range(200):
        noise = draws.normal(size=(N, D))
        (a, phi_a), (b, phi_b) = draw(noise, 0.3), draw(noise, 0.35)
        estimate = intervals.log_ratio_interval(a, b, phi_a, phi_b)
        assert estimate.value == pytest.approx(math.log(a) - math.log(b))
        ratios.append(estimate.value)
        paired.append(half_width(estimate) / intervals.Z)
        unpaired.append(math.hypot(np.std(phi_a) / a, np.std(phi_b) / b) / math.sqrt(N))
    assert np.mean(paired) == pytest.approx(np.std(ratios), rel=0.35)
    assert np.mean(paired) < 0.5 * np.mean(unpaired)


def test_percentile_bootstrap_misses_both_truth_and_figure():
    """The naive interval lies above even the figure that it is of (method 11.5: d 64, n 640)."""
    size, n, variance, truth = 64, 640, 0.3, 0.2
    reference = Gaussian(np.zeros(size), variance * np.eye(size))
    draws = np.random.default_rng(2)
    features = draws.normal(0.0, math.sqrt(variance), (n, size))
    features[:, 0] += math.sqrt(truth)
    fitted = gaussian(features)
    figure = frechet_distance(fitted, reference)
    resampled = [frechet_distance(gaussian(features[draws.integers(0, n, n)]), reference) for _ in range(100)]
    assert truth < figure < np.quantile(resampled, 0.025)
    ours = intervals.distance_interval(figure, influence(features, fitted, reference))
    assert ours.low < figure < ours.high < np.quantile(resampled, 0.025)


@pytest.mark.parametrize(
    ("n_images", "n_features", "enough"), [(2048, 256, True), (2047, 256, False), (4095, 512, False)]
)
def test_interval_needs_eight_images_per_feature(n_images, n_features, enough):
    assert intervals.enough_images(n_images, n_features) is enough


def test_a_mean_has_the_normal_interval():
    estimate = intervals.mean_interval(np.array([1.0, 2.0, 3.0, 6.0]))
    half = 1.959964 * math.sqrt(14 / 3) / 2
    assert vars(estimate) == pytest.approx({"value": 3.0, "low": 3.0 - half, "high": 3.0 + half}, rel=1e-6)


def test_share_has_wilsons_interval():
    for hits, n in ((0, 50), (7, 50), (50, 50)):
        ours = intervals.share_interval(hits / n, n)
        oracle = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
        assert (ours.low, ours.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_interval_over_seeds_is_students():
    values = [0.3, -0.1, 0.2, 0.5]
    oracle = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert over_seeds(values) == pytest.approx(oracle, rel=1e-9)
    assert all(math.isnan(end) for end in over_seeds([0.1]))


def test_interval_over_seeds_covers_the_truth_and_the_normal_one_does_not():
    draws = np.random.default_rng(3).normal(0.7, 0.2, (4000, 4))
    covered = [low < 0.7 < high for low, high in map(over_seeds, draws)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.012)
    naive = np.abs(draws.mean(axis=1) - 0.7) < intervals.Z * draws.std(axis=1, ddof=1) / 2.0
    assert naive.mean() < 0.89


def test_errors_over_images_of_several_models_add_as_independent():
    estimates = [intervals.normal(1.0, 0.3), intervals.normal(2.0, 0.4)]
    low, high = intervals.over_images(estimates)
    assert (low + high) / 2.0 == pytest.approx(1.5)
    assert high - low == pytest.approx(2.0 * intervals.Z * 0.5 / 2.0)
    assert all(math.isnan(end) for end in intervals.over_images([Estimate(1.0), estimates[0]]))


STEADY = np.array([-0.002, -0.001, 0.0, 0.0, 0.001, 0.002])


@pytest.mark.parametrize(
    ("differences", "told"),
    [
        (STEADY - 0.10, "better"),
        (STEADY + 0.10, "worse"),
        (STEADY, "equivalent"),
        (STEADY - 0.01, "equivalent"),  # surely below 0, but by less than the margin: too small to matter
        (20.0 * STEADY, "inconclusive"),
        (STEADY[:5] - 0.10, "not assessed"),
        (np.append(STEADY + 0.10, math.nan), "undefined"),
        (np.append(STEADY - 0.10, -math.inf), "undefined"),
        (np.full(6, math.nan), "undefined"),
        ([math.nan], "undefined"),
        ([], "not assessed"),
    ],
)
def test_verdict(differences, told):
    assert verdict(list(differences), margin=0.017, minimum_seeds=6) == told


def test_one_seed_that_is_enough_by_the_rules_tells_nothing_all_the_same():
    assert verdict([0.3], margin=0.017, minimum_seeds=1) == "inconclusive"  # its p is no number


@pytest.mark.parametrize("pair", [(0.0, 1.0), (1.0, 0.0), (math.nan, 1.0), (1.0, math.inf), (-1.0, -1.0)])
def test_a_distance_without_logarithm_has_no_ratio(pair):
    assert math.isnan(intervals.log_ratio(*pair))
    found = intervals.log_ratio_interval(*pair, np.zeros(3), np.zeros(3))
    assert all(map(math.isnan, vars(found).values()))


def test_adjusted_p_decides_better_and_worse_but_not_equivalence():
    values = list(STEADY - 0.10)
    assert verdict(values, margin=0.017, minimum_seeds=6, adjusted_p=0.051) == "inconclusive"
    assert verdict(values, margin=0.017, minimum_seeds=6, adjusted_p=0.049) == "better"
    assert verdict(list(STEADY), margin=0.017, minimum_seeds=6, adjusted_p=0.001) == "equivalent"


def test_p_is_students():
    values = [0.3, -0.1, 0.2, 0.5]
    assert p_value(values) == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue, rel=1e-9)
    assert math.isnan(p_value([0.1]))
    assert (p_value([0.1, 0.1]), p_value([0.0, 0.0])) == (0.0, 1.0)


def test_p_and_interval_tell_the_same():
    for values in np.random.default_rng(4).normal(0.5, 0.5, (500, 5)):
        low, high = over_seeds(values)
        assert (p_value(values) < 0.05) == (not low <= 0.0 <= high)


@pytest.mark.parametrize(
    ("given", "adjusted"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # of the encyclopedias: two of four are rejected
        ([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205], [0.008, 0.056, *[0.234] * 6]),
        ([0.6, 0.7], [1.0, 1.0]),
        ([0.03], [0.03]),
        ([], []),
    ],
)
def test_holm(given, adjusted):
    assert holm(given) == pytest.approx(adjusted)


def test_what_could_not_be_tested_still_counts_for_holm():
    adjusted = holm([math.nan, 0.01, math.nan])
    assert adjusted[1] == pytest.approx(0.03)
    assert math.isnan(adjusted[0])
    assert math.isnan(adjusted[2])


def test_holm_keeps_the_family_wise_error_and_has_more_power_than_bonferroni():
    draws = np.random.default_rng(5)
    trials, false, found, bonferroni = 500, 0, 0, 0
    for _ in range(trials):
        null = [p_value(values) for values in draws.normal(0.0, 1.0, (4, 6))]
        real = [p_value(values) for values in draws.normal(2.0, 1.0, (4, 6))]
        adjusted = holm(null + real)
        false += min(adjusted[:4]) < 0.05
        found += sum(p < 0.05 for p in adjusted[4:])
        bonferroni += sum(8 * p < 0.05 for p in real)
    assert false / trials < 0.075
    assert found > 1.05 * bonferroni


def test_equivalence_is_found_where_it_is_and_seldom_claimed_where_it_is_not():
    """Power and size of the two one-sided tests; "not significant" is no such claim, whatever its name suggests."""
    draws = np.random.default_rng(6)
    spread, margin = 0.01, 0.017

    def told(truth):
        return [verdict(list(d), margin=margin, minimum_seeds=6) for d in draws.normal(truth, spread, (1000, 6))]

    assert told(0.0).count("equivalent") > 800
    assert told(margin).count("equivalent") < 65
    noisy = [verdict(list(d), margin=margin, minimum_seeds=6) for d in draws.normal(0.03, 0.04, (1000, 6))]
    assert noisy.count("inconclusive") > 500  # the naive reading: "no difference"
    assert noisy.count("equivalent") < 50


def test_smallest_effect_that_six_seeds_show():
    """80 % power at 1.4 paired standard deviations (method 11.5)."""
    differences = np.random.default_rng(7).normal(-1.4, 1.0, (2000, 6))
    assert np.mean([p_value(d) < 0.05 for d in differences]) == pytest.approx(0.8, abs=0.05)


def test_the_interval_of_a_mean_covers_it():
    draws = np.random.default_rng(0).normal(2.0, 1.0, (500, 50))
    found = [intervals.mean_interval(row) for row in draws]
    covered = np.mean([estimate.low < 2.0 < estimate.high for estimate in found])
    assert 0.91 < covered < 0.97


def coverage(gained, lost, n):
    """How often the interval of a difference of shares holds the truth, over all outcomes of n images."""
    found = 0.0
    for one in range(n + 1):
        for other in range(n + 1 - one):
            interval = intervals.share_difference_interval(one, other, n)
            if interval.low <= gained - lost <= interval.high:
                found += stats.multinomial.pmf((one, other, n - one - other), n, (gained, lost, 1.0 - gained - lost))
    return found


@pytest.mark.parametrize(("gained", "lost"), [(0.02, 0.02), (0.1, 0.05), (0.3, 0.1), (0.45, 0.45)])
def test_the_interval_of_a_difference_of_shares_holds_the_truth(gained, lost):
    assert 0.935 < coverage(gained, lost, 30) <= 1.0


def test_shares_that_agree_on_every_image_are_not_known_to_be_equal():
    interval = intervals.share_difference_interval(0, 0, 50)
    assert interval.value == 0.0
    assert interval.high == -interval.low
    assert 0.03 < interval.high < 0.1
    assert intervals.share_difference_interval(50, 0, 50).high == 1.0


def test_with_many_images_it_is_that_of_the_mean_of_the_differences():
    differences = np.repeat([1.0, -1.0, 0.0], [3000, 1000, 6000])
    plain, own = intervals.mean_interval(differences), intervals.share_difference_interval(3000, 1000, 10000)
    assert own.value == pytest.approx(plain.value)
    assert (own.low, own.high) == pytest.approx((plain.low, plain.high), abs=1e-4)
