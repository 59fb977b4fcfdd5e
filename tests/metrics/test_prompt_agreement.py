"""Agreement with prompts, on scores whose truth is known."""

import numpy as np
import pytest

from selfrefine.metrics import intervals, prompt_agreement
from selfrefine.metrics.prompt_agreement import Scores

N, CLASSES = 400, 10


def rows(follows, seed=0):
    """Labels of prompts, and of images that show their prompt's class in this share of cases, else any."""
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, CLASSES, N)
    return np.where(draws.random(N) < follows, labels, draws.integers(0, CLASSES, N)), labels


def figures(scores, reference=None):
    return dict(prompt_agreement.estimates(scores, reference))


@pytest.mark.parametrize("n", [2, 3, 10, 257])
def test_every_image_is_held_against_another_one_and_each_once(n):
    others = prompt_agreement.other_images(n)
    assert sorted(others) == list(range(n))
    assert (others != np.arange(n)).all()
    assert np.array_equal(prompt_agreement.other_images(n), others)


def test_other_images_are_not_the_next_ones():
    steps = np.diff(prompt_agreement.other_images(1000))
    assert len(np.unique(steps)) > 500  # sorted captions would else be held against their like


def test_samples_beyond_the_captions_begin_again():
    assert prompt_agreement.prompt_rows(7, 3).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert prompt_agreement.prompt_rows(2, 3).tolist() == [0, 1]


def test_images_that_follow_their_prompts_agree_with_no_others():
    found = figures(prompt_agreement.of_classes(*rows(1.0)))
    assert found[prompt_agreement.AGREEMENT].value == 1.0
    assert found[prompt_agreement.AGREEMENT].low < 1.0
    assert found[prompt_agreement.PERMUTED].low < 1 / CLASSES < found[prompt_agreement.PERMUTED].high
    assert found[prompt_agreement.DEPENDENCE].value == pytest.approx(1.0 - found[prompt_agreement.PERMUTED].value)
    assert found[prompt_agreement.DEPENDENCE].low > 0.8
    assert prompt_agreement.DIFFERENCE not in found


def test_images_that_ignore_their_prompts_are_seen_to():
    covered = []
    for seed in range(300):
        interval = figures(prompt_agreement.of_classes(*rows(0.0, seed)))[prompt_agreement.DEPENDENCE]
        covered.append(interval.low <= 0.0 <= interval.high)
    assert 0.92 <= np.mean(covered) <= 0.99


def test_the_difference_to_the_reference_is_taken_image_by_image():
    one = Scores("classifier", np.array([1.0, 1.0, 0.0, 1.0]), np.zeros(4))
    other = Scores("classifier", np.array([1.0, 0.0, 1.0, 0.0]), np.zeros(4))
    found = figures(one, other)[prompt_agreement.DIFFERENCE]
    assert found == intervals.share_difference_interval(2, 1, 4)
    assert found.value == 0.25


def test_pairing_narrows_the_interval_of_like_rows():
    predicted, labels = rows(0.6)
    reference = prompt_agreement.of_classes(predicted, labels)
    changed = predicted.copy()
    changed[:20] = labels[:20]
    found = figures(prompt_agreement.of_classes(changed, labels), reference)
    difference, share = found[prompt_agreement.DIFFERENCE], found[prompt_agreement.AGREEMENT]
    assert difference.low > 0.0
    assert difference.high - difference.low < 0.6 * (share.high - share.low)


def test_scores_of_clip_are_means():
    draws = np.random.default_rng(0)
    own, other, reference = draws.normal(30, 2, N), draws.normal(20, 2, N), draws.normal(29, 2, N)
    found = figures(Scores("clip", own, other), Scores("clip", reference, other))
    assert found[prompt_agreement.AGREEMENT] == intervals.mean_interval(own)
    assert found[prompt_agreement.PERMUTED] == intervals.mean_interval(other)
    assert found[prompt_agreement.DEPENDENCE] == intervals.mean_interval(own - other)
    assert found[prompt_agreement.DIFFERENCE] == intervals.mean_interval(own - reference)
