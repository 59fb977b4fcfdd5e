import math

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from selfrefine.metrics import classification

NOISE = np.random.default_rng(0).uniform(-0.005, 0.005, 50)


def scores(real_mean, fake_mean, n_real=300, n_fake=200, seed=0):
    """P(real) of two overlapping classes, rounded so that some are equal."""
    draws = np.random.default_rng(seed)
    logits = draws.normal(real_mean, 1.0, n_real), draws.normal(fake_mean, 1.0, n_fake)
    return tuple(np.round(1 / (1 + np.exp(-logit)), 2) for logit in logits)


@pytest.mark.parametrize(("real_mean", "fake_mean"), [(1.0, -1.0), (0.2, 0.1), (-2.0, 1.0), (5.0, -5.0)])
def test_values_equal_scikit_learns(real_mean, fake_mean):
    real, fake = scores(real_mean, fake_mean)
    found = classification.measure(real, fake, seed=0)
    labels, p_real = np.repeat([1, 0], [len(real), len(fake)]), np.concatenate([real, fake])
    assert found["accuracy"].value == pytest.approx(balanced_accuracy_score(labels, p_real > 0.5))
    assert found["f1"].value == pytest.approx(f1_score(labels, p_real > 0.5))
    assert found["roc_auc"].value == pytest.approx(roc_auc_score(labels, p_real))
    assert found["p_real_gap"].value == pytest.approx(real.mean() - fake.mean())


def test_resampled_scores_are_those_of_the_repeated_images():
    real, fake = scores(0.5, -0.5, n_real=20, n_fake=15)
    draws = np.random.default_rng(1)
    drawn_real, drawn_fake = draws.multinomial(20, [1 / 20] * 20), draws.multinomial(15, [1 / 15] * 15)
    weighted = classification._scores(real, fake, drawn_real[None].astype(float), drawn_fake[None].astype(float))
    repeated = classification.measure(np.repeat(real, drawn_real), np.repeat(fake, drawn_fake), seed=0)
    for name, values in weighted.items():
        assert values[0] == pytest.approx(repeated[name].value)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """The accuracy of classes with means +-0.7 is the normal distribution's at 0.7; 60 samples, give or take 3 sd."""
    truth = 0.5 * (1 + math.erf(0.7 / math.sqrt(2)))
    drawn = [classification.measure(*scores(0.7, -0.7, 60, 60, seed), seed)["accuracy"] for seed in range(60)]
    held = sum(estimate.low <= truth <= estimate.high for estimate in drawn)
    assert held >= 60 * 0.95 - 3 * math.sqrt(60 * 0.95 * 0.05)
    assert max(estimate.high - estimate.low for estimate in drawn) < 0.25


def test_a_perfect_score_has_no_interval():
    found = classification.measure(np.array([0.9, 0.8, 0.7]), np.array([0.1, 0.2]), seed=0)
    for name in ("accuracy", "f1", "roc_auc"):
        assert found[name].value == 1.0
        assert math.isnan(found[name].low)
        assert math.isnan(found[name].high)


def test_only_the_gap_tells_a_faint_difference_from_a_clear_one():
    faint, clear = (classification.measure(0.5 + half + NOISE, 0.5 - half + NOISE, seed=0) for half in (0.01, 0.4))
    for name in ("accuracy", "f1", "roc_auc"):
        assert faint[name].value == clear[name].value == 1.0
    assert faint["p_real_gap"].value == pytest.approx(0.02)
    assert clear["p_real_gap"].value == pytest.approx(0.8)


def test_the_seed_decides_the_interval():
    real, fake = scores(0.5, -0.5)
    assert classification.measure(real, fake, seed=1) == classification.measure(real, fake, seed=1)
    assert classification.measure(real, fake, seed=1) != classification.measure(real, fake, seed=2)
