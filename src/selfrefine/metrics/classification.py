"""How well the highlighter tells real from generated images (method 4, Table 6)."""

import math

import numpy as np

from selfrefine.metrics.intervals import CONFIDENCE, Estimate

RESAMPLES = 1000
GUESSING = 0.5  # ROC-AUC of one that knows nothing


def measure(real: np.ndarray, fake: np.ndarray, seed: int) -> dict[str, Estimate]:
    """Accuracy, F1, ROC-AUC and the gap of P(real) with their 95 % intervals over images.

    The intervals are percentiles of a bootstrap inside each class; a score that no resample changes (a perfect one) has
    none, since the bootstrap then knows nothing of what it did not see.

    Args:
        real: P(real) of the real images, (R,) float64.
        fake: P(real) of the generated images, (F,) float64.
        seed: of the resamples.

    Returns:
        accuracy: mean of the two classes' accuracies at 0.5; f1: with real as the positive class; roc_auc: of P(real);
        p_real_gap: mean P(real) of the real images minus that of the generated ones. # Not in paper: the other three do
        not tell a faint difference from a clear one, and a highlighter that learned nothing may be right or wrong in
        all images by a hair; its gap is near 0.
    """
    draws = np.random.default_rng(seed)
    whole = _scores(real, fake, np.ones((1, len(real))), np.ones((1, len(fake))))
    drawn = _scores(real, fake, _resample(draws, len(real)), _resample(draws, len(fake)))
    return {name: _estimate(float(whole[name][0]), drawn[name]) for name in whole}


def guesses(roc_auc: Estimate) -> bool:
    """Whether a highlighter may know nothing: its interval reaches down to guessing; of one without, its value does."""
    return not (roc_auc.low if math.isfinite(roc_auc.low) else roc_auc.value) > GUESSING


def _resample(draws: np.random.Generator, count: int) -> np.ndarray:
    """How often each of `count` images is drawn, (RESAMPLES, count)."""
    return draws.multinomial(count, np.full(count, 1.0 / count), size=RESAMPLES).astype(np.float64)


def _estimate(value: float, drawn: np.ndarray) -> Estimate:
    if np.ptp(drawn) == 0.0:
        return Estimate(value)
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return Estimate(value, float(low), float(high))


def _scores(
    real: np.ndarray, fake: np.ndarray, real_weights: np.ndarray, fake_weights: np.ndarray
) -> dict[str, np.ndarray]:
    """The scores of weighted images: weights (B, R) and (B, F) give B values of each."""
    reals, fakes = real_weights.sum(axis=1), fake_weights.sum(axis=1)
    true_real = real_weights @ (real > 0.5)
    false_real = fake_weights @ (fake > 0.5)
    # A real image wins against every fake below it and half against its equals.
    order = np.sort(fake)
    below = np.concatenate([np.zeros((len(fakes), 1)), np.cumsum(fake_weights[:, np.argsort(fake)], axis=1)], axis=1)
    wins = (below[:, np.searchsorted(order, real, "left")] + below[:, np.searchsorted(order, real, "right")]) / 2.0
    return {
        "accuracy": (true_real / reals + 1.0 - false_real / fakes) / 2.0,
        "f1": 2.0 * true_real / (reals + true_real + false_real),
        "roc_auc": (real_weights * wins).sum(axis=1) / (reals * fakes),
        "p_real_gap": real_weights @ real / reals - fake_weights @ fake / fakes,
    }
