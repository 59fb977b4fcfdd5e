"""Correlations of mean maps whose truth is known, and what an interval over pixels would have claimed."""

import math

import numpy as np
import pytest
import torch

from selfrefine.evidence import map_correlation
from selfrefine.evidence.jackknife_maps import FixedMap, MeanMap, MomentGap
from selfrefine.evidence.map_correlation import correlation, map_figures, reliability
from selfrefine.guidance import control_maps
from selfrefine.highlighter.gradcam import enlarge
from selfrefine.metrics import intervals

GRID, SIZE = 4, 12
DRAWS = np.random.default_rng(0)
PLACE, ELSEWHERE = (pattern - pattern.mean() for pattern in DRAWS.random((2, GRID, GRID)))
ALIKE = 0.4 * ELSEWHERE + 0.6 * PLACE  # r = .9 with PLACE


def shown(cells):
    """Cells (n, GRID, GRID), enlarged: neighbouring pixels err together. (n, SIZE^2) float32."""
    return enlarge(torch.tensor(cells), SIZE).flatten(1).numpy().astype(np.float32)


def single(draws, pattern, n, common=None, noise=0.3):
    """Maps of n images around a mean pattern, with their own noise and, if given, that of their images."""
    shared = 0.0 if common is None else common
    return shown(0.5 + 0.3 * pattern + shared + noise * draws.normal(size=(n, GRID, GRID)))


def pearson(one, other):
    return float(np.corrcoef(one, other)[0, 1])


TRUTH = pearson(shown(PLACE[None])[0], shown(ALIKE[None])[0])


def over_pixels(one, other):
    """The textbook interval: Fisher's z of all pixels as if they were independent."""
    z, half = math.atanh(pearson(one, other)), intervals.Z / math.sqrt(one.size - 3)
    return math.tanh(z - half), math.tanh(z + half)


@pytest.mark.parametrize("source", ["fake", "real"])
def test_the_interval_over_images_covers_the_truth_and_the_one_over_pixels_does_not(source):
    """Maps of the same images share noise and are paired; of two sources, the errors add."""
    draws, n, runs = np.random.default_rng(1), 150, 250
    covered, naive, values = [], [], []
    for _ in range(runs):
        common = 0.2 * draws.normal(size=(n, GRID, GRID))
        other = common if source == "fake" else 0.2 * draws.normal(size=(n, GRID, GRID))
        one, two = MeanMap(single(draws, PLACE, n, common), "fake"), MeanMap(single(draws, ALIKE, n, other), source)
        found = correlation(one, two)
        values.append(found.value)
        covered.append(found.low <= TRUTH <= found.high)
        low, high = over_pixels(one.value, two.value)
        naive.append(low <= TRUTH <= high)
    assert abs(TRUTH - 0.9) < 0.02
    assert 0.90 <= np.mean(covered) <= 0.99
    assert np.mean(naive) < 0.75
    assert np.mean(values) == pytest.approx(TRUTH, abs=0.03)


def test_noise_of_the_images_is_not_taken_for_a_difference():
    """Two highlighters with one truth: r of their mean maps is below 1 at any number of images, ours is not."""
    draws, plain, covered = np.random.default_rng(2), [], []
    for _ in range(100):
        one, two = (MeanMap(single(draws, PLACE, 100), source) for source in ("fake", "real"))
        found = correlation(one, two)
        plain.append(pearson(one.value, two.value))
        covered.append(found.high >= 0.999)
        assert found.high <= 1.0
    assert np.mean(plain) < 0.96
    assert np.mean(covered) > 0.9


def test_maps_of_one_source_lose_the_same_image():
    draws, n = np.random.default_rng(3), 1000
    common = 0.3 * draws.normal(size=(n, GRID, GRID))
    one, two = (single(draws, pattern, n, common, noise=0.02) for pattern in (PLACE, ALIKE))

    def width(source):
        found = correlation(MeanMap(one, "fake"), MeanMap(two, source))
        return found.high - found.low

    assert width("fake") < 0.6 * width("real")


def test_it_is_the_jackknife_of_the_definition():
    """Against a plain loop that leaves out each image; more images than fit one chunk."""
    draws, n = np.random.default_rng(4), map_correlation.CHUNK + 20
    one, two = single(draws, PLACE, n).astype(float), single(draws, ALIKE, n).astype(float)
    left_out = np.array(
        [pearson(np.delete(one, i, axis=0).mean(axis=0), np.delete(two, i, axis=0).mean(axis=0)) for i in range(n)]
    )
    whole = pearson(one.mean(axis=0), two.mean(axis=0))
    half = intervals.Z * math.sqrt((n - 1) / n * np.sum((left_out - left_out.mean()) ** 2))
    value = n * whole - (n - 1) * left_out.mean()
    found = correlation(MeanMap(one, "fake"), MeanMap(two, "fake"))
    assert (found.value, found.low, found.high) == pytest.approx(
        (value, value - half, min(1.0, value + half)), abs=1e-6
    )


def test_the_opposite_map_and_a_fixed_one():
    draws, n = np.random.default_rng(5), 60
    one = MeanMap(single(draws, PLACE, n), "fake")
    assert correlation(one, MeanMap(1.0 - one.single, "fake")).value == pytest.approx(-1.0, abs=1e-6)
    fixed = correlation(one, FixedMap(shown(PLACE[None])[0].astype(float)))
    assert fixed.low < 1.0 <= fixed.high + 0.01
    assert vars(correlation(FixedMap(one.value), FixedMap(one.value)))["value"] == pytest.approx(1.0)


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_a_constant_map_correlates_with_nothing(level):
    draws = np.random.default_rng(6)
    flat = MeanMap(np.full((30, SIZE**2), level, np.float32), "fake")
    found = correlation(MeanMap(single(draws, PLACE, 30), "fake"), flat)
    assert all(math.isnan(end) for end in vars(found).values())


@pytest.mark.parametrize(("strength", "honest"), [(1.0, True), (0.05, False)])
def test_the_gap_of_moments_has_an_honest_error_where_it_is_above_the_noise(strength, honest):
    """And none where it is not: the limit that `MomentGap` and the page tell of."""
    draws, size, n = torch.Generator().manual_seed(0), 12, 100

    def normal(*shape):
        return torch.randn(shape, generator=draws, dtype=torch.float64)

    mean, std = torch.zeros((1, size, size)).double(), torch.full((1, size, size), 0.5).double()
    shift, wide = strength * normal(1, size, size).abs(), 0.5 + 0.3 * strength * normal(1, size, size).abs()
    true_map = control_maps.gap_of_moments(shift[None], wide[None], mean, std, 3).flatten().numpy()
    other = true_map + 0.3 * normal(size**2).numpy()
    truth, covered = pearson(true_map, other), []
    for _ in range(100):
        images = shift + wide * (0.7 * normal(n, 1, 1, 1) + 0.7 * normal(n, 1, size, size))
        found = correlation(MomentGap(images, mean, std, 3, "fake"), FixedMap(other))
        covered.append(found.low <= truth <= found.high)
    assert (np.mean(covered) > 0.88) == honest


def test_figures_of_a_mean_map():
    draws, n = np.random.default_rng(7), 200
    evidence = MeanMap(single(draws, PLACE, n), "fake")
    found = map_figures(evidence)
    of_images = evidence.single.mean(axis=1, dtype=float)
    half = intervals.Z * of_images.std(ddof=1) / math.sqrt(n)
    told = vars(found["map_mean"])
    assert list(told.values()) == pytest.approx([of_images.mean(), of_images.mean() - half, of_images.mean() + half])


@pytest.mark.parametrize("name", ["map_std", "std_over_mean"])
def test_noise_of_the_images_is_not_taken_for_place(name):
    draws, truth = np.random.default_rng(7), shown(0.5 + 0.3 * PLACE[None])[0]
    expected, plain, values, covered = truth.std() / (1.0 if name == "map_std" else truth.mean()), [], [], []
    for _ in range(100):
        evidence = MeanMap(single(draws, PLACE, 60), "fake")
        found = map_figures(evidence)[name]
        plain.append(evidence.value.std() / (1.0 if name == "map_std" else evidence.value.mean()))
        values.append(found.value)
        covered.append(found.low < expected < found.high)
    assert np.mean(plain) > 1.05 * expected
    assert np.mean(values) == pytest.approx(expected, rel=0.03)
    assert np.mean(covered) > 0.88


def test_an_empty_map_has_no_ratio():
    found = map_figures(MeanMap(np.zeros((10, SIZE**2), np.float32), "fake"))
    assert found["map_mean"] == map_correlation.Estimate(0.0, 0.0, 0.0)
    assert math.isnan(found["std_over_mean"].value)


def test_how_far_one_map_is_the_map_of_each_image():
    draws, n = np.random.default_rng(8), 50
    some = single(draws, PLACE, n)
    some[:10] = 0.0
    found = map_correlation.single_figures(MeanMap(some, "fake"), 10)
    assert found["zero_share"].value == 0.2
    expected = [pearson(some[i], np.delete(some, i, axis=0).mean(axis=0)) ** 2 for i in range(10, n)]
    assert found["r2_single"].value == pytest.approx(np.mean(expected), abs=1e-6)
    assert found["r2_single"].low < np.mean(expected) < found["r2_single"].high
    same = map_correlation.single_figures(MeanMap(np.tile(some[-1:], (n, 1)), "fake"), 10)
    assert same["r2_single"].value == pytest.approx(1.0)
    assert same["mfam_reliability"].value == pytest.approx(1.0)
    empty = map_correlation.single_figures(MeanMap(np.zeros((n, SIZE**2), np.float32), "fake"), 10)
    assert empty["zero_share"].value == 1.0
    assert math.isnan(empty["r2_single"].value)
    assert math.isnan(empty["mfam_reliability"].value)


def test_reliability_is_r_of_two_mfams_and_its_error_their_spread():
    draws, n, behind = np.random.default_rng(9), 160, 10
    fresh = [MeanMap(single(draws, PLACE, behind), "fake").value for _ in range(300)]
    truth = np.mean([pearson(one, other) for one, other in zip(fresh[::2], fresh[1::2], strict=True)])
    found = [reliability(MeanMap(single(draws, PLACE, n), "fake"), behind) for _ in range(50)]
    assert np.mean([estimate.value for estimate in found]) == pytest.approx(truth, abs=0.03)
    errors = [(estimate.high - estimate.low) / (2.0 * intervals.Z) for estimate in found]
    assert np.mean(errors) == pytest.approx(np.std([estimate.value for estimate in found]), rel=0.35)


def test_reliability_needs_two_groups_and_an_interval_three():
    evidence = MeanMap(single(np.random.default_rng(10), PLACE, 59), "fake")
    assert math.isnan(reliability(evidence, 30).value)
    two = reliability(evidence, 20)
    assert two.value == pytest.approx(pearson(evidence.single[:20].mean(axis=0), evidence.single[20:40].mean(axis=0)))
    assert math.isnan(two.low)
    assert math.isfinite(reliability(evidence, 19).low)
