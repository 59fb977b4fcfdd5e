import math

import numpy as np
import pytest
from nltk.metrics import masi_distance
from nltk.metrics.agreement import AnnotationTask

from selfrefine.evidence import rater_agreement, two_way_bootstrap
from selfrefine.evidence.human_picks import Picks
from tests.support.simulated_raters import crossed, gumbel_picks

STUDIES = 250


def seen(draws, people, images, strength=1.0, share=1.0):
    """Raters who see the same in an image, some answers missing."""
    who, shown = crossed(people, images)
    kept = draws.random(len(who)) < share
    pull = strength * draws.normal(size=(images, 9))
    return Picks(who[kept], shown[kept], gumbel_picks(draws, pull[shown[kept]]))


def passonneau(one, other):
    """MASI as published, with thirds, where nltk has 0.33 and 0.67."""
    shared = len(one & other)
    weight = 1.0 if one == other else 2 / 3 if shared == min(len(one), len(other)) else 1 / 3 if shared else 0.0
    return 1.0 - shared / len(one | other) * weight


@pytest.mark.parametrize(("strength", "share"), [(1.5, 1.0), (0.0, 1.0), (1.0, 0.6)])
def test_alpha_is_that_of_nltk(strength, share):
    """With answers missing, too: images with one answer or none do not count."""
    answers = seen(np.random.default_rng(0), 6, 12, strength, share)
    parts = (answers.participants.tolist(), answers.images.tolist(), map(frozenset, answers.cells.tolist()))
    counted = [row for row in zip(*parts, strict=True) if (answers.images == row[1]).sum() > 1]
    found = rater_agreement.alpha(answers, seed=0).value
    assert found == pytest.approx(AnnotationTask(data=counted, distance=passonneau).alpha())
    assert found == pytest.approx(AnnotationTask(data=counted, distance=masi_distance).alpha(), abs=0.01)


def test_distances_of_all_sets_of_three_are_masi():
    for shared in range(4):
        one, other = frozenset(range(3)), frozenset(range(3 - shared, 6 - shared))
        assert rater_agreement.MASI[shared] == pytest.approx(passonneau(one, other))
        assert rater_agreement.MASI[shared] == pytest.approx(masi_distance(one, other), abs=0.005)


def test_one_opinion_is_1_and_blind_guesses_are_0():
    who, shown = crossed(8, 30)
    draws = np.random.default_rng(0)
    alike = gumbel_picks(draws, np.zeros((30, 16)))[shown]
    assert rater_agreement.alpha(Picks(who, shown, alike), seed=0).value == pytest.approx(1.0)
    blind = Picks(who, shown, gumbel_picks(draws, np.zeros((240, 16))))
    found = rater_agreement.alpha(blind, seed=0)
    assert found.low < 0.0 < found.high
    assert found.high - found.low < 0.1
    shared = rater_agreement.overlap(blind, seed=0)
    assert shared.low < 3 / 16 < shared.high


def test_no_two_answers_for_an_image_or_one_answer_everywhere_have_no_alpha():
    alone = Picks(np.array([0, 1]), np.array([0, 1]), np.array([[0, 1, 2], [0, 1, 2]]))
    assert math.isnan(rater_agreement.alpha(alone, seed=0).value)
    assert math.isnan(rater_agreement.overlap(alone, seed=0).value)
    who, shown = crossed(5, 5)
    assert math.isnan(rater_agreement.alpha(Picks(who, shown, np.tile([0, 1, 2], (25, 1))), seed=0).value)


def test_intervals_of_agreement_hold_the_truth(monkeypatch):
    """90 to 97 % at nominal 95 %, of alpha and of the overlap of two people; the truth from 200,000 pairs."""
    monkeypatch.setattr(two_way_bootstrap, "DRAWS", 200)
    draws = np.random.default_rng(0)
    pull = draws.normal(size=(200_000, 9))
    one, other = (gumbel_picks(draws, pull) for _ in range(2))
    same, any_two = ((one[:, :, None] == part[:, None, :]).sum(axis=(1, 2)) for part in (other, other[::-1]))
    truths = {
        "alpha": 1.0 - rater_agreement.MASI[same].mean() / rater_agreement.MASI[any_two].mean(),
        "overlap": same.mean() / 3,
    }
    held = dict.fromkeys(truths, 0)
    for number in range(STUDIES):
        answers = seen(draws, 6, 20)
        for name, truth in truths.items():
            found = getattr(rater_agreement, name)(answers, seed=number)
            held[name] += found.low <= truth <= found.high
    assert {name: 0.90 <= count / STUDIES <= 0.97 for name, count in held.items()} == dict.fromkeys(truths, True)


def test_a_person_is_compared_with_himself_alone():
    first = Picks(
        np.array([0, 0, 1, 1]), np.array([2, 3, 2, 3]), np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 4, 8]])
    )
    again = Picks(np.array([1, 0, 2]), np.array([2, 3, 2]), np.array([[8, 7, 0], [5, 3, 4], [0, 1, 2]]))
    assert rater_agreement.test_retest(first, again, seed=0).value == pytest.approx((2 / 3 + 1) / 2)
    strangers = Picks(np.array([5]), np.array([2]), np.array([[0, 1, 2]]))
    assert math.isnan(rater_agreement.test_retest(first, strangers, seed=0).value)
