"""Planted flaws of several sizes: hits against what knows nothing of the image, by brute force and for known maps."""

import numpy as np
import pytest

from selfrefine.core.names import FAKE_SPLICE, KINDS, REAL_SPLICE
from selfrefine.core.planted_names import LESS_CENTRE, LESS_OTHERS, LESS_REAL, planted_at
from selfrefine.evidence import planted_sizes, pointing_game
from selfrefine.guidance import control_maps

SIDE = 4


def squares(n, cells=1, seed=0):
    """Masks of n images of 16 px, each with a square of whole cells somewhere."""
    draws, masks = np.random.default_rng(seed), np.zeros((n, 16, 16))
    for mask in masks:
        top, left = 4 * draws.integers(0, SIDE - cells + 1, 2)
        mask[top : top + 4 * cells, left : left + 4 * cells] = 1.0
    return masks


def noise(n, seed=1):
    draws = np.random.default_rng(seed)
    return {kind: draws.random((n, SIDE, SIDE)) for kind in KINDS}


def measure(maps, masks, share=0.25):
    return planted_sizes.measure(share, maps, masks, SIDE)


def test_hits_are_those_of_the_pointing_game_and_differences_those_of_brute_force():
    masks, maps = squares(9, 2), noise(9)
    found, covered = measure(maps, masks), pointing_game.covered_cells(masks, SIDE)
    centre = np.repeat(control_maps.gaussian_center(SIDE).numpy()[None], 9, axis=0)
    of_centre, _ = pointing_game.hits(pointing_game.cells(centre, SIDE), covered)
    for kind, own in maps.items():
        cells = pointing_game.cells(own, SIDE)
        hits, _ = pointing_game.hits(cells, covered)
        assert found[planted_at(0.25, kind)].value == pytest.approx(hits.mean())
        others = [pointing_game.hits(np.roll(cells, shift, axis=0), covered)[0] for shift in range(1, 9)]
        assert found[planted_at(0.25, kind, LESS_OTHERS)].value == pytest.approx(hits.mean() - np.mean(others))
        assert found[planted_at(0.25, kind, LESS_CENTRE)].value == pytest.approx(hits.mean() - of_centre.mean())
    assert found[planted_at(0.25)].value == pytest.approx(covered.mean())
    fake, real = (found[planted_at(0.25, kind)].value for kind in (FAKE_SPLICE, REAL_SPLICE))
    assert found[planted_at(0.25, FAKE_SPLICE, LESS_REAL)].value == pytest.approx(fake - real)
    assert planted_at(0.25, REAL_SPLICE, LESS_REAL) not in found


def test_a_map_that_sees_every_flaw_beats_all_others():
    masks = squares(60)
    maps = noise(60) | {FAKE_SPLICE: masks.reshape(60, SIDE, 4, SIDE, 4).mean(axis=(2, 4))}
    found = measure(maps, masks)
    assert found[planted_at(0.25, FAKE_SPLICE)].value == pytest.approx(1 / 3)  # one cell of three
    for name in (LESS_CENTRE, LESS_OTHERS, LESS_REAL):
        assert found[planted_at(0.25, FAKE_SPLICE, name)].low > 0.15


def test_a_map_that_always_points_at_one_place_is_no_better_than_other_images_maps():
    """Where flaws lie there more often than elsewhere, its hits alone are many."""
    masks = np.zeros((40, 16, 16))
    masks[:, 4:8, 4:8] = 1.0
    always = np.repeat(masks[:1].reshape(1, SIDE, 4, SIDE, 4).mean(axis=(2, 4)), 40, axis=0)
    found = measure(noise(40) | {"blur": always}, masks)
    assert found[planted_at(0.25, "blur")].value == pytest.approx(1 / 3)
    assert found[planted_at(0.25, "blur", LESS_OTHERS)].value == pytest.approx(0.0, abs=1e-12)


def test_an_empty_map_is_three_cells_at_random():
    masks = squares(30, 2)
    found = measure(noise(30) | {"warp": np.zeros((30, SIDE, SIDE))}, masks)
    assert found[planted_at(0.25, "warp")].value == pytest.approx(4 / 16) == found[planted_at(0.25)].value


def test_maps_that_know_nothing_are_found_as_often_as_an_interval_is_wrong():
    """The 95 % interval of the difference to other images' maps lies above 0 in 2.5 % of made sets."""
    draws, trials = np.random.default_rng(3), 400
    above = 0
    for _ in range(trials):
        maps = dict.fromkeys(KINDS, draws.random((48, SIDE, SIDE)))
        found = measure(maps, squares(48, 1, int(draws.integers(1 << 30))))
        above += found[planted_at(0.25, "noise", LESS_OTHERS)].low > 0.0
    assert above / trials == pytest.approx(0.025, abs=0.02)
