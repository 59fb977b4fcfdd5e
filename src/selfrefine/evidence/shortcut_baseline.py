"""What a highlighter may go by without seeing a flaw: how black, how bright and how sharp an image is (method 11.1)."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize  # type: ignore[import-untyped]

from selfrefine.core.names import BLACK_LEVEL
from selfrefine.evidence.pointing_game import mean_over_images
from selfrefine.highlighter.model import REAL
from selfrefine.metrics import classification, intervals
from selfrefine.metrics.intervals import Estimate

HIGH_FREQUENCY = 0.25  # cycles per pixel, half of the highest there are, in either direction
# Not in paper: the weights have a prior of standard deviation 1, because classes that a line tells apart have none.
PRIOR = 1.0


@dataclass(frozen=True)
class Images:
    """What is classified: three numbers of each image, (N, 3) from `features`, and labels (N,) of which 1 is real."""

    numbers: np.ndarray
    labels: np.ndarray


def roc_auc(train: Images, test: Images, seed: int) -> Estimate:
    """How well three numbers of an image tell real from generated: AUC of a logistic regression on the test part.

    Args:
        train: the images it is fitted to.
        test: the images it is tested on, of both classes.
        seed: of the interval's resamples.
    """
    weights = logistic(train.numbers, train.labels)
    p_real = probability(test.numbers, weights)
    is_real = test.labels == REAL
    return classification.measure(p_real[is_real], p_real[~is_real], seed)["roc_auc"]


def features(levels: np.ndarray) -> np.ndarray:
    """Share of zero pixels, mean, and energy of high frequencies: (N, 3) float64.

    Args:
        levels: (N, 3, H, W) grey levels.
    """
    whole = np.asarray(levels, np.float64)
    black = (whole == 0.0).all(axis=1).mean(axis=(1, 2))
    grey = whole.mean(axis=1)
    spectrum = np.abs(np.fft.fft2(grey, norm="forward")) ** 2  # sums to the mean square of the pixels
    rows, columns = (np.abs(np.fft.fftfreq(length)) for length in grey.shape[1:])
    high = np.maximum(rows[:, None], columns) > HIGH_FREQUENCY
    return np.stack([black, grey.mean(axis=(1, 2)), spectrum[:, high].sum(axis=1)], axis=1)


@dataclass(frozen=True)
class Logistic:
    """P(1) = sigmoid(weights . (x - mean) / scale + offset)."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    offset: float


def logistic(values: np.ndarray, labels: np.ndarray) -> Logistic:
    """Fits a logistic regression to standardised features.

    Args:
        values: (N, D) float64; a constant one is ignored.
        labels: (N,) of 0 and 1.
    """
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    standard, signs = (values - mean) / scale, 2.0 * labels - 1.0

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Negative log posterior and its gradient; the last parameter is the offset."""
        weights, margins = parameters[:-1], signs * (standard @ parameters[:-1] + parameters[-1])
        pull = -signs / (1.0 + np.exp(np.minimum(margins, 500.0)))
        gradient = np.append(pull @ standard + PRIOR * weights, pull.sum())
        return float(np.logaddexp(0.0, -margins).sum() + PRIOR / 2.0 * weights @ weights), gradient

    best = minimize(loss, np.zeros(values.shape[1] + 1), jac=True, method="BFGS").x
    return Logistic(mean, scale, best[:-1], float(best[-1]))


def probability(values: np.ndarray, fitted: Logistic) -> np.ndarray:
    """P(1) of each row of (N, D)."""
    score = (values - fitted.mean) / fitted.scale @ fitted.weights + fitted.offset
    p: np.ndarray = 1.0 / (1.0 + np.exp(-np.clip(score, -500.0, 500.0)))
    return p


def on_background(maps: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Where maps lie: (N, 2) of each image the share of its map's mass on the background, NaN of an empty map, and the
    share of its pixels that are background.

    Args:
        maps: (N, S, S), not negative.
        images: (N, H, W, 3) uint8, what they are of.
    """
    dark = torch.from_numpy((images <= BLACK_LEVEL).all(axis=3)).double()
    there = F.interpolate(dark[:, None], size=maps.shape[1:], mode="area")[:, 0].numpy()
    mass = maps.sum(axis=(1, 2), dtype=np.float64)
    on = np.divide((maps * there).sum(axis=(1, 2)), mass, out=np.full(len(maps), np.nan), where=mass > 0.0)
    return np.stack([on, dark.mean(dim=(1, 2)).numpy()], axis=1)


def background(shares: np.ndarray) -> dict[str, Estimate]:
    """The figures of `on_background` (N, 2): background_mass and background_share, means with their intervals over
    images, equal for a map that does not care; evidence_generated: the share of maps that are not empty.
    """
    mass, share = shares.T
    empty = np.isnan(mass)
    return {
        "background_mass": mean_over_images(mass[~empty]),
        "background_share": mean_over_images(share),
        "evidence_generated": intervals.share_interval(1.0 - float(empty.mean()), len(empty)),
    }


def correlations(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The correlation of two maps of each image, (N,); NaN where one is constant.

    Args:
        maps: (N, S, S).
        others: (N, S, S), for the same images in the same order.
    """
    pairs = [(one.ravel(), other.ravel()) for one, other in zip(maps, others, strict=True)]
    varied = [all(np.ptp(one) > 0.0 for one in pair) for pair in pairs]
    return np.array(
        [np.corrcoef(*pair)[0, 1] if varies else np.nan for pair, varies in zip(pairs, varied, strict=True)]
    )


def agreement(found: np.ndarray) -> Estimate:
    """The mean of `correlations` over images; images with a constant map are left out."""
    return mean_over_images(found[~np.isnan(found)])
