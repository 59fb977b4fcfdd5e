import math

import numpy as np
import pytest

from selfrefine.core.errors import InputError
from selfrefine.evidence import human_picks, pointing_game, two_way_bootstrap
from selfrefine.evidence.human_picks import ANOTHER, ANY, CHANCE, SHARE, Picks
from selfrefine.guidance import control_maps
from tests.support.simulated_raters import crossed, gumbel_picks, study

CENTRE_PULL = control_maps.gaussian_center(4).numpy().ravel().astype(float)


def picks(people=5, images=6, n_cells=16, seed=0):
    """Blind guesses."""
    who, shown = crossed(people, images)
    return Picks(who, shown, gumbel_picks(np.random.default_rng(seed), np.zeros((len(who), n_cells))))


@pytest.mark.parametrize(("side", "any_match"), [(3, 0.762), (4, 0.489), (8, 0.136)])
def test_chance_of_any_match_is_76_49_and_14_percent_on_grids_of_3_4_and_8(side, any_match):
    """In closed form, as what all sets of three cells come to on small grids, and as what an empty map gets."""
    n_cells = side**2
    found = human_picks.chance(n_cells)
    assert found[ANY].value == pytest.approx(any_match, abs=5e-4)
    assert found[SHARE].value == pytest.approx(3 / n_cells)
    outside = math.prod((n_cells - 3 - k) / (n_cells - k) for k in range(3))  # three misses, one after the other
    assert found[ANY].value == pytest.approx(1 - outside)
    empty = human_picks.matches(picks(n_cells=n_cells).cells, np.zeros((1, n_cells)))
    assert empty.share == pytest.approx(found[SHARE].value)
    assert empty.any_match == pytest.approx(found[ANY].value)


def test_matches_are_those_of_the_pointing_game_for_every_answer_and_map():
    """With ties: against the function that counts the hits of planted flaws, one pair at a time."""
    draws, answers = np.random.default_rng(0), picks(people=10, images=4, n_cells=9).cells
    values = draws.integers(0, 3, (12, 9)).astype(float)
    found = human_picks.matches(answers, values)
    picked = np.zeros((40, 9), bool)
    np.put_along_axis(picked, answers, True, axis=1)
    for number, one in enumerate(values):
        shares, anywhere = pointing_game.hits(np.tile(one, (40, 1)), picked)
        assert found.share[:, number] == pytest.approx(shares)
        assert found.any_match[:, number] == pytest.approx(anywhere)


def test_rounding_of_equal_cells_does_not_say_which_is_higher():
    """The four cells in the middle of a Gaussian centre are equal, also where they are means of pixels."""
    coarse, fine = control_maps.gaussian_center(4), control_maps.gaussian_center(28)
    means = pointing_game.cells(fine[None].numpy(), 4) * np.linspace(1 - 1e-7, 1 + 1e-7, 16)
    answers = picks(people=20).cells
    expected = human_picks.matches(answers, coarse.numpy().reshape(1, -1))
    assert human_picks.matches(answers, means).share == pytest.approx(expected.share)
    assert human_picks.matches(np.array([[5, 6, 9]]), means).share[0, 0] == pytest.approx(0.75)


def test_the_map_of_another_image_is_all_of_the_others_in_turn():
    """Its mean is that over all pairs of an answer and another image's map, and no given map of one is used."""
    answers, draws = picks(), np.random.default_rng(1)
    flaw = draws.random((6, 4, 4))
    flat, total = flaw.reshape(6, 16), []
    for row, image in enumerate(answers.images):
        for other in {*range(6)} - {int(image)}:
            highest = {*np.argsort(flat[other])[-3:].tolist()}
            total.append(len(highest & {*answers.cells[row].tolist()}) / 3)
    measured = human_picks.measure(answers, {"flaw": flaw, ANOTHER: np.roll(flaw, 1, axis=0)}, seed=0)
    assert measured[ANOTHER][SHARE].value == pytest.approx(np.mean(total))
    own = measured["flaw"][SHARE].value
    assert measured[ANOTHER]["difference"].value == pytest.approx(own - np.mean(total))


def test_differences_are_paired_and_every_map_has_them():
    answers, draws = picks(people=6, images=8), np.random.default_rng(2)
    maps = {name: draws.random((8, 4, 4)).astype(np.float32) for name in ("flaw", "second", "edge", "disagreement")}
    maps["same"] = maps["flaw"].copy()
    found = human_picks.measure(answers, maps, seed=0)
    assert list(found) == ["flaw", "second", "edge", "disagreement", "same", ANOTHER, CHANCE]
    for name in ("second", "edge", "disagreement", ANOTHER):
        for reading, difference in human_picks.DIFFERENCE.items():
            assert found[name][difference].value == pytest.approx(
                found["flaw"][reading].value - found[name][reading].value
            )
            assert found[name][difference].low < found[name][difference].value < found[name][difference].high
    assert found["same"]["difference"].value == 0.0
    assert math.isnan(found["same"]["difference"].low)
    assert {"sd_people", "sd_images", "sd_answers"} < found[ANOTHER].keys()
    assert repr(human_picks.measure(answers, maps, seed=0)) == repr(found)


def test_what_people_see_is_found_and_its_interval_holds_the_truth(monkeypatch):
    """Whole studies of raters who follow the maps and the centre, 90 to 97 % at nominal 95 %."""
    monkeypatch.setattr(two_way_bootstrap, "DRAWS", 200)
    draws, studies, held = np.random.default_rng(0), 250, {"flaw": 0, ANOTHER: 0}
    truth = _truth(draws)
    for number in range(studies):
        maps = _maps(draws, 16)
        answers = study(draws, maps, 8, taste=0.7, centre=CENTRE_PULL)
        found = human_picks.measure(answers, {"flaw": maps.reshape(-1, 4, 4)}, seed=number)
        figures = {"flaw": found["flaw"][SHARE], ANOTHER: found[ANOTHER]["difference"]}
        for name, figure in figures.items():
            held[name] += figure.low <= truth[name] <= figure.high
    assert {name: 0.90 <= count / studies <= 0.97 for name, count in held.items()} == {"flaw": True, ANOTHER: True}


def _maps(draws, images):
    """Maps that usually point at the centre, each with flaws of its own."""
    return draws.random((images, 16)) + 0.5 * CENTRE_PULL


def _truth(draws, people=40_000):
    """The share of the flaw map, and what it has more than another image's, of as many people, each with an image."""
    maps = _maps(draws, people)
    strength = 2.0 + 0.7 * draws.normal(size=(people, 1))
    cells = gumbel_picks(draws, strength * maps + CENTRE_PULL)
    highest = np.argsort(maps, axis=1)[:, -3:]
    own, other = (
        (cells[:, :, None] == shown[:, None, :]).sum(axis=(1, 2)).mean() / 3 for shown in (highest, highest[::-1])
    )
    return {"flaw": own, ANOTHER: own - other}


def test_clicks_at_the_centre_of_real_photographs_are_told():
    who, shown = crossed(5, 6)
    middle = Picks(who, shown, np.tile([5, 6, 10], (30, 1)))
    found = human_picks.centre_prior(middle, 4, seed=0)
    assert found[SHARE].value == pytest.approx(0.75)  # three of the four equal cells in the middle
    assert found[ANY].value == 1.0
    blind = human_picks.centre_prior(picks(people=20, images=12), 4, seed=0)
    assert blind[SHARE].low < 3 / 16 < blind[SHARE].high
    nobody = human_picks.centre_prior(picks(people=0), 4, seed=0)
    assert math.isnan(nobody[SHARE].value)


def test_rates_of_cells_are_those_of_people():
    answers = Picks(np.array([0, 1, 0]), np.array([0, 0, 2]), np.array([[0, 1, 2], [2, 1, 3], [5, 6, 7]]))
    rates = human_picks.pick_rates(answers, 3, 9)
    assert rates[0].tolist() == [0.5, 1.0, 1.0, 0.5, 0, 0, 0, 0, 0]
    assert np.isnan(rates[1]).all()
    assert rates[2].sum() == 3.0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"cells": np.array([[0, 1, 1]])}, "a cell twice"),
        ({"cells": np.array([[0, 1]])}, r"\(1, 2\) cells of 1 answers"),
        ({"images": np.array([0, 1])}, r"\(2,\) images"),
        ({"cells": np.array([[0, 1, 16]])}, "cells 0 to 16; 0 to 15 needed"),
        ({"images": np.array([6])}, "images 6 to 6; 0 to 5 needed"),
        ({"maps": {"edge": np.zeros((6, 4, 4))}}, "1 answers and maps edge; some and flaw needed"),
        ({"maps": {"flaw": np.zeros((6, 4, 4)), "edge": np.zeros((5, 4, 4))}}, "edge is"),
        ({"maps": {"flaw": np.full((6, 4, 4), np.nan)}}, "finite numbers"),
    ],
)
def test_what_does_not_fit_is_told_in_a_line(changed, words):
    values = {"participants": np.array([0]), "images": np.array([0]), "cells": np.array([[0, 1, 2]])} | changed
    maps = values.pop("maps", {"flaw": np.zeros((6, 4, 4))})
    with pytest.raises(InputError, match=words):
        human_picks.measure(Picks(**values), maps, seed=0)


def test_two_answers_of_a_participant_for_an_image_are_refused():
    with pytest.raises(InputError, match="two answers for an image"):
        Picks(np.array([1, 1]), np.array([2, 2]), np.array([[0, 1, 2], [3, 4, 5]]))
