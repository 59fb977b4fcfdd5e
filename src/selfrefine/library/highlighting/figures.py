"""How well the test images are told apart, with intervals that also hold where all are told right."""

import math

import numpy as np

from selfrefine.metrics import classification
from selfrefine.metrics.intervals import CONFIDENCE, Estimate

TITLES = {
    "accuracy": "Accuracy",
    "f1": "F1 (real as the positive class)",
    "roc_auc": "ROC-AUC",
    "p_real_gap": "Mean P(real) of real less that of generated images",
}


def measure(real: np.ndarray, fake: np.ndarray, seed: int) -> dict[str, Estimate]:
    """Accuracy, F1, ROC-AUC and the gap of P(real), from logits.

    Args:
        real: logit of fake less that of real of as many real test images as generated ones, (n,).
        fake: of these, (n,).
        seed: of the bootstrap.
    """
    known = classification.measure(p_fake(-real), p_fake(-fake), seed)
    count = len(fake)
    wrong = 1.0 - _exact(2 * count)  # of all test images at most, if none of these is wrong
    ends = {"accuracy": 1.0 - wrong, "f1": (1.0 - 2.0 * wrong) / (1.0 - wrong)}
    found = {name: with_ends(value, count) for name, value in known.items() if name != "p_real_gap"}
    for name, low in ends.items():
        if known[name].value == 1.0:
            found[name] = Estimate(1.0, max(0.0, low), 1.0)
    return found | {"p_real_gap": known["p_real_gap"]}


def with_ends(share: Estimate, pairs: int) -> Estimate:
    """A share of all pairs of a real and a generated image that has no interval by bootstrap, with exact ends.

    Clopper and Pearson's for `pairs` independent ones, each image in one of them: all right, or all wrong. Any other
    share that no resample changes, of numbers that are all equal, has none.
    """
    if math.isfinite(share.low) or share.value not in (0.0, 1.0):
        return share
    low = _exact(pairs)
    return Estimate(1.0, low, 1.0) if share.value else Estimate(0.0, 0.0, 1.0 - low)


def _exact(count: int) -> float:
    """The least share of which `count` independent trials all succeed in one of forty runs."""
    return float(((1.0 - CONFIDENCE) / 2.0) ** (1.0 / count))


def p_fake(logits: np.ndarray) -> np.ndarray:
    """The probability of logits (fake less real), float64."""
    probability: np.ndarray = 1.0 / (1.0 + np.exp(-np.clip(np.asarray(logits, np.float64), -500.0, 500.0)))
    return probability


def told(estimate: Estimate) -> str:
    """A figure and its interval in words."""
    interval = f" [{estimate.low:.3f}, {estimate.high:.3f}]" if math.isfinite(estimate.low) else ""
    return f"{estimate.value:.3f}{interval}"
