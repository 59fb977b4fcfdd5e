"""The controls: closed forms, and that each of them is a control (method 5.6 and 11.3)."""

import math

import pytest
import torch
from torch.nn.functional import avg_pool2d

from selfrefine.core import random_streams
from selfrefine.guidance import control_maps
from selfrefine.highlighter.gradcam import enlarge, mean_map, minmax

SIZE, GRID, INPUT = 16, 4, 64
OF_THE_MFAM = ["rot180", "cells", "smooth_random", "uniform"]  # equal to it in mean; but for uniform in std, too


def cells(seed, images=32):
    """CAM cells whose mean has a pattern, as those of real runs: each image from 0 to 1."""
    draws = torch.Generator().manual_seed(seed)
    pattern = torch.rand((1, GRID, GRID), generator=draws)
    return minmax(pattern + torch.rand((images, GRID, GRID), generator=draws))


def mfam(seed=0):
    return mean_map(minmax(enlarge(cells(seed), INPUT)), SIZE)


def control(kind, some_map, first, seed=0):
    return control_maps.control(kind, some_map, first, seed=seed, grid=GRID, input_size=INPUT)


def std(some_map):
    return float(some_map.std(correction=0))


@pytest.mark.parametrize("kind", OF_THE_MFAM)
@pytest.mark.parametrize("seed", range(3))
def test_controls_keep_the_strength_and_lose_the_place(kind, seed):
    first, later = mfam(seed), mfam(seed + 100)
    for now in (first, later):
        made = control(kind, now, first, seed)
        assert float(made.mean()) == pytest.approx(float(now.mean()), abs=1e-6)
        assert std(made) == pytest.approx(0.0 if kind == "uniform" else std(now), abs=1e-6)


@pytest.mark.parametrize("kind", ["cells", "smooth_random"])
@pytest.mark.parametrize("seed", range(8))
def test_drawn_controls_do_not_correlate_with_the_first_mfam(kind, seed):
    first = mfam(seed)
    made = control(kind, first, first, seed)
    assert abs(control_maps.correlation(made, first)) < 0.2
    assert torch.equal(control(kind, first, first, seed), made)
    assert not torch.equal(control(kind, first, first, seed + 1), made)


def test_cells_are_the_cams_own_cells_in_other_places():
    """The same permutation of every image's cells before they are enlarged gives the same map, up to its scale."""
    now, parts = mfam(5), cells(5)
    made = control_maps.permuted_cells(now, now, seed=3, grid=GRID, input_size=INPUT)
    draws, order = random_streams.stream(3, "control", 0), None
    while order is None or abs(control_maps.correlation(permuted(parts, order), now)) >= 0.2:
        order = torch.randperm(GRID**2, generator=draws)
    assert control_maps.correlation(permuted(parts, order), made) > 0.98  # scaled image by image after the permutation


def permuted(parts, order):
    moved = parts.flatten(1)[:, order].view_as(parts)
    return mean_map(minmax(enlarge(moved, INPUT)), SIZE)


def test_the_permutation_is_that_of_the_first_refresh_for_good():
    """A map that peaks in one cell peaks in another one, and there again at each refresh."""

    def peaked(cell, height):
        values = torch.full((1, GRID**2), 0.2)
        values[0, cell] = height
        return mean_map(enlarge(values.view(1, GRID, GRID), INPUT), SIZE)

    first = mfam(2)
    where = [
        int(control_maps.permuted_cells(peaked(5, h), first, seed=0, grid=GRID, input_size=INPUT).argmax())
        for h in (0.6, 0.9)
    ]
    assert where[0] == where[1] != int(peaked(5, 0.9).argmax())


def test_cells_of_a_grid_finer_than_the_map_are_those_of_the_map():
    small = avg_pool2d(mfam()[None, None], 4)[0, 0]
    made = control_maps.permuted_cells(small, small, seed=0, grid=8, input_size=128)
    assert float(made.mean()) == pytest.approx(float(small.mean()), abs=1e-6)


def test_smooth_random_has_the_values_of_the_mfam_and_the_spectrum_of_the_first():
    first, now = mfam(1), mfam(2)
    made = control("smooth_random", now, first)
    assert torch.equal(made.flatten().sort().values, now.flatten().sort().values)
    same = control("smooth_random", first, first)
    spectra = [torch.fft.fft2(one - one.mean()).abs().flatten() for one in (same, first)]
    assert float(torch.corrcoef(torch.stack(spectra))[0, 1]) > 0.98
    ranks = torch.stack([one.flatten().argsort().argsort().double() for one in (made, same)])
    assert float(torch.corrcoef(ranks)[0, 1]) > 0.999  # one pattern per seed, but for equal values
    shuffled = first.flatten()[torch.randperm(SIZE**2)].view(SIZE, SIZE)  # the same histogram without the spectrum
    spectra[0] = torch.fft.fft2(shuffled - shuffled.mean()).abs().flatten()
    assert float(torch.corrcoef(torch.stack(spectra))[0, 1]) < 0.7


def test_simple_controls_have_their_closed_forms():
    now, first = mfam(1), mfam(2)
    assert torch.equal(control("mfam", now, first), now)
    assert torch.equal(control("frozen", now, first), first)
    assert torch.equal(control("mfam_inverted", now, first), 1 - now)
    assert torch.equal(control("rot180", now, first), torch.rot90(now, 2))
    plus, minus = control("centred_plus", now, first), control("centred_minus", now, first)
    assert float(plus.mean()) == pytest.approx(0.0, abs=1e-7)
    assert torch.equal(plus, -minus)
    assert std(plus) == pytest.approx(std(now))
    assert control_maps.correlation(plus, now) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="edge is made of images"):
        control("edge", now, first)


def test_the_gaussian_and_its_inverse():
    bell = control_maps.gaussian_center(16)
    assert (float(bell.min()), float(bell.max())) == pytest.approx((0.0, 1.0), abs=1e-6)
    assert torch.equal(bell, bell.flip(0, 1))
    assert torch.equal(bell, bell.T)
    at = [math.exp(-(x**2 + y**2) / 32) for x, y in ((0.5, 0.5), (3.5, 0.5), (7.5, 7.5))]  # px from the centre
    assert float(bell[8, 11]) == pytest.approx((at[1] - at[2]) / (at[0] - at[2]), abs=1e-6)
    assert float(bell.mean()) == pytest.approx(0.34, abs=0.01)  # the figure of method 5.6
    assert torch.equal(control("gaussian_inverted", mfam(), mfam()), 1 - control("gaussian_center", mfam(), mfam()))


@pytest.mark.parametrize("shape", ["edge", "gap"])
def test_matching_clips_and_still_hits_mean_and_standard_deviation(shape):
    to = mfam()
    other = torch.rand(SIZE, SIZE) ** (8 if shape == "edge" else 1)  # a long tail is cut at 1
    made = control_maps.matched(other, to)
    assert float(made.mean()) == pytest.approx(float(to.mean()), abs=1e-6)
    assert std(made) == pytest.approx(std(to), abs=1e-6)


def test_matching_a_constant_gives_the_mean():
    to = mfam()
    assert torch.equal(control_maps.matched(torch.zeros(SIZE, SIZE), to), to.mean().expand_as(to))


def test_an_empty_mfam_breaks_no_control():
    empty = torch.zeros(SIZE, SIZE)
    for kind in OF_THE_MFAM:
        assert torch.equal(control(kind, empty, empty), empty)


def test_correlation_is_pearsons_and_undefined_for_a_constant():
    one, other = mfam(1), mfam(2)
    expected = torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1]
    assert control_maps.correlation(one, other) == pytest.approx(float(expected), abs=1e-6)
    assert math.isnan(control_maps.correlation(one, torch.full_like(one, 0.3)))


def test_when_no_draw_is_uncorrelated_the_least_correlated_is_taken():
    ramp = torch.arange(4.0).view(2, 2) / 4
    drawn = []

    def draw(draws):
        drawn.append(float(torch.rand((), generator=draws)))
        return drawn[-1]

    best = control_maps._uncorrelated(draw, lambda value: ramp + value * ramp.T, ramp, 0)  # r is never below .6
    assert len(drawn) == control_maps.DRAWS + 1
    assert best == max(drawn[:-1])


def test_the_moment_gap_is_high_where_mean_or_spread_differ():
    draws = torch.Generator().manual_seed(0)
    reals = 0.1 * torch.randn((4000, 1, 8, 8), generator=draws)
    fakes = 0.1 * torch.randn((4000, 1, 8, 8), generator=draws)
    fakes[:, :, :4, :4] += 0.2
    fakes[:, :, 4:, 4:] *= 3
    gap = control_maps.moment_gap(fakes, reals.mean(dim=0), reals.std(dim=0), 2)
    corners = torch.stack([gap[0, 0], gap[7, 7], gap[0, 7], gap[7, 0]])
    assert corners[:2].tolist() == pytest.approx([1.0, 1.0], abs=0.1)  # a shift by .2, a spread wider by .2
    assert corners[2:].tolist() == pytest.approx([0.0, 0.0], abs=0.1)
