import itertools
import math

import numpy as np
import pytest
import torch

from selfrefine.core.names import FAKE_SPLICE, REAL_SPLICE
from selfrefine.evidence import planted_flaws, pointing_game
from selfrefine.evidence.planted_flaws import Patch
from selfrefine.evidence.pointing_game import cells, covered_cells, hits
from selfrefine.highlighter import gradcam
from tests.support import tiny_highlighter


def chances(covered, n):
    """The paper's two readings for c covered ones of n cells (method 5.7)."""
    return covered / n, 1 - math.comb(n - covered, 3) / math.comb(n, 3)


@pytest.mark.parametrize(("n", "any_of_one"), [(16, 0.1875), (25, 0.12), (64, 0.046875)])
def test_an_empty_map_is_blind_guessing(n, any_of_one):
    for covered in range(1, n):
        inside = np.arange(n)[None] < covered
        share, anywhere = hits(np.zeros((1, n)), inside)
        assert (share[0], anywhere[0]) == pytest.approx(chances(covered, n))
    assert hits(np.zeros((1, n)), np.arange(n)[None] < 1)[1][0] == pytest.approx(any_of_one)


@pytest.mark.parametrize(("n", "expected"), [(16, 0.489), (25, 0.330), (64, 0.136)])
def test_the_chances_of_the_method_for_three_chosen_cells(n, expected):
    assert hits(np.zeros((1, n)), np.arange(n)[None] < 3)[1][0] == pytest.approx(expected, abs=5e-4)


def test_ties_count_as_all_their_choices_do_on_average():
    """Against the mean over all sets of three cells that a random choice among equals can give."""
    draws = np.random.default_rng(0)
    values, covered = draws.integers(0, 3, (40, 7)).astype(float), draws.random((40, 7)) < 0.4
    shares, anywhere = hits(values, covered)
    for image in range(40):
        best = max(values[image][list(chosen)].sum() for chosen in itertools.combinations(range(7), 3))
        sets = [c for c in itertools.combinations(range(7), 3) if values[image][list(c)].sum() == best]
        found = [covered[image][list(chosen)] for chosen in sets]
        assert shares[image] == pytest.approx(np.mean([each.mean() for each in found]))
        assert anywhere[image] == pytest.approx(np.mean([each.any() for each in found]))


def test_cells_are_means_of_blocks_row_by_row():
    maps = np.arange(32, dtype=np.float32).reshape(2, 4, 4)
    expected = maps.reshape(2, 2, 2, 2, 2).mean(axis=(2, 4)).reshape(2, 4)
    assert np.allclose(cells(maps, 2), expected)


def test_a_patch_covers_what_it_fills_at_least_half_as_much_as_its_fullest_cell():
    mask = np.zeros((1, 16, 16))
    mask[0, 4:8, 4:10] = 1.0  # cell 5 whole, cell 6 half
    assert np.flatnonzero(covered_cells(mask, 4)[0]).tolist() == [5, 6]
    mask[0, 4:8, 9] = 0.0  # a quarter of cell 6
    assert np.flatnonzero(covered_cells(mask, 4)[0]).tolist() == [5]


def random_patches(count, size=64, side=16):
    """Squares at uniform places."""
    draws, masks = np.random.default_rng(0), np.zeros((count, size, size))
    for mask in masks:
        top, left = draws.integers(0, size - side + 1, 2)
        mask[top : top + side, left : left + side] = 1.0
    return masks


def test_a_map_that_knows_hits_and_one_that_does_not_stays_at_chance():
    masks = random_patches(2000, 32, 8)
    blind = np.random.default_rng(1).random((2000, 32, 32))
    found = pointing_game.measure({FAKE_SPLICE: masks, REAL_SPLICE: blind}, masks, 4)
    assert found["hit_any_fake_splice"].value == 1.0
    for reading in ("cell", "any"):
        guessed = found[f"hit_{reading}_real_splice"]
        assert guessed.low < found[f"chance_{reading}"].value < guessed.high
        assert guessed.high - guessed.low < 0.05
        difference = found[f"hit_{reading}_difference"]
        assert difference.value == pytest.approx(found[f"hit_{reading}_fake_splice"].value - guessed.value)
        assert difference.low > 0.2


def test_the_map_of_another_image_has_the_prior_of_all_maps_and_no_more():
    """Maps that all point at the middle hit more than chance; the control tells it, the difference says 0."""
    masks = random_patches(300)
    middle = np.zeros_like(masks)
    middle[:, 16:48, 16:48] = np.random.default_rng(2).random((300, 32, 32)) + 1.0
    found = pointing_game.measure({FAKE_SPLICE: middle, REAL_SPLICE: middle}, masks, 4)
    assert found["hit_cell_fake_splice"].low > found["chance_cell"].value
    other = found["hit_cell_other_image"]
    assert other.low < found["hit_cell_fake_splice"].value < other.high
    assert found["hit_cell_difference"].value == 0.0
    assert math.isnan(found["hit_cell_difference"].low)


def test_the_interval_of_the_difference_is_paired():
    """Images that are easy for both kinds make each rate unsure, not their difference."""
    masks = random_patches(200)
    maps = {kind: masks.copy() for kind in (FAKE_SPLICE, REAL_SPLICE)}
    for own in maps.values():
        own[::2] = 1.0 - own[::2]  # every other image misses
    maps[REAL_SPLICE][:10] = 1.0 - maps[REAL_SPLICE][:10]
    found = pointing_game.measure(maps, masks, 4)
    width = {name: found[f"hit_any_{name}"].high - found[f"hit_any_{name}"].low for name in (FAKE_SPLICE, "difference")}
    assert width["difference"] < 0.6 * width[FAKE_SPLICE]


def test_the_interval_of_a_rate_ends_at_one_and_zero():
    masks = random_patches(30)
    maps = masks.copy()
    maps[0] = 1.0 - maps[0]  # one miss of thirty
    found = pointing_game.measure({FAKE_SPLICE: maps, REAL_SPLICE: 1.0 - maps}, masks, 4)
    assert (found["hit_any_fake_splice"].value, found["hit_any_fake_splice"].high) == (pytest.approx(29 / 30), 1.0)
    assert (found["hit_any_real_splice"].value, found["hit_any_real_splice"].low) == (pytest.approx(1 / 30), 0.0)


def test_empty_maps_are_counted():
    masks = random_patches(10)
    maps = masks.copy()
    maps[:4] = 0.0
    found = pointing_game.measure({FAKE_SPLICE: maps, REAL_SPLICE: masks}, masks, 4)
    assert found["evidence_fake_splice"].value == 0.6
    assert found["evidence_fake_splice"].low < 0.6 < found["evidence_fake_splice"].high < 1.0
    assert found["evidence_real_splice"].value == 1.0


def test_places_that_all_look_real_are_ranked_all_the_same():
    """Evidence against "generated" everywhere, least of all in the patch: after a ReLU nothing of it would be left."""
    masks = random_patches(50)
    evidence = {FAKE_SPLICE: masks - 2.0, REAL_SPLICE: np.full_like(masks, -2.0)}
    found = pointing_game.measure(evidence, masks, 4)
    assert found["hit_any_fake_splice"].value == 1.0
    assert found["hit_cell_real_splice"].value == pytest.approx(found["chance_cell"].value)  # ties are chance
    assert (found["evidence_fake_splice"].value, found["evidence_real_splice"].value) == (0.0, 0.0)
    cut = pointing_game.measure({kind: own.clip(min=0.0) for kind, own in evidence.items()}, masks, 4)
    assert cut["hit_any_fake_splice"].value == pytest.approx(cut["chance_any"].value)


def test_a_highlighter_of_bright_places_finds_a_planted_bright_patch_and_no_dark_one():
    """Real images are dark, generated ones bright, and the highlighter's fake logit is the sum of bright parts."""
    model = tiny_highlighter.brightness_highlighter(64, sign=1.0)
    dark = np.random.default_rng(0).integers(20, 60, (24, 16, 16, 3), dtype=np.uint8)
    bright = np.full((5, 16, 16, 3), 255, np.uint8)
    planted = planted_flaws.plant(dark, bright, Patch(0.375, 0.5, 0.2, 40.0, 90.0), seed=0)
    maps = {
        kind: gradcam.cell_evidence(model, planted.images[kind], [], torch.float32)
        for kind in (FAKE_SPLICE, REAL_SPLICE)
    }
    found = pointing_game.measure(maps, planted.masks, 64 // gradcam.CELL)
    best = np.minimum(covered_cells(planted.masks, 4).sum(axis=1), 3).mean() / 3
    assert found["hit_any_fake_splice"].value == 1.0
    assert found["hit_cell_fake_splice"].value > 0.95 * best
    assert found["hit_any_difference"].low > 0.2
    assert found["hit_cell_difference"].low > 0.1
    assert found["hit_any_other_image"].high < 0.9
    assert found["hit_any_real_splice"].low < found["chance_any"].value + 0.05


@pytest.mark.parametrize(("values", "value"), [([], math.nan), ([0.3], 0.3), ([0.5, 0.5], 0.5)])
def test_a_mean_that_nothing_moves_has_no_interval(values, value):
    found = pointing_game.mean_over_images(np.array(values))
    assert found.value == pytest.approx(value, nan_ok=True)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
