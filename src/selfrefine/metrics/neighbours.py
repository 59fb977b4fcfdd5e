"""Whether training images come back: the nearest real image of each generated one, in feature space."""

import math

import numpy as np

from selfrefine.metrics import intervals
from selfrefine.metrics.intervals import Estimate
from selfrefine.metrics.pairwise_blocks import Block, squared_distances


def nearest_in_train(sample: np.ndarray, train: np.ndarray, test: np.ndarray) -> Estimate:
    """Share of generated images whose nearest real neighbour is a training image, with its 95 % interval.

    The pools have equal size, so that a model that memorises nothing gives 50 %; ties count one half. Both pools are
    samples, too: a few real images are the nearest of many generated ones, and stand in either pool by chance. Were
    the real images dealt to the pools anew, the share would vary as that of `effective_images` independent ones.

    Raises:
        ValueError: pools of different sizes.
    """
    if len(train) != len(test):
        raise ValueError(f"pools of equal size needed, got {len(train)} training and {len(test)} test images")
    (to_train, nearest_train), (to_test, nearest_test) = _nearest(sample, train), _nearest(sample, test)
    in_train = (to_train < to_test) + 0.5 * (to_train == to_test)
    served = [
        np.bincount(nearest_train, in_train, len(train)),
        np.bincount(nearest_test, 1.0 - in_train, len(test)),
    ]
    return intervals.share_interval(float(in_train.mean()), effective_images(np.concatenate(served)))


def effective_images(served: np.ndarray) -> float:
    """How many independent images tell as much as these do, whose nearest neighbours are dealt to the pools together.

    If each of the M real images were put into either pool by chance, half of them into each, a share of one half
    would have the variance 1/4 M / (M - 1) (sum w^2 / (sum w)^2 - 1/M): that of independent images of the number
    returned. Infinite where all real images serve equally many: then the share does not depend on the deal.

    Args:
        served: (M,), w: for each real image, of how many generated ones it is the nearest.
    """
    count = len(served)
    uneven = float((served**2).sum() / served.sum() ** 2) - 1.0 / count
    return (count - 1) / count / uneven if uneven > 0.0 else math.inf


def _nearest(sample: np.ndarray, pool: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each image of the sample the squared distance to the nearest one of the pool, and its index; (N,) each."""
    distances, indices = np.full(len(sample), np.inf), np.zeros(len(sample), int)

    def nearest(block: Block) -> tuple[np.ndarray, np.ndarray]:
        return block.values.min(axis=1), block.values.argmin(axis=1) + block.columns.start

    for rows, _, (distance, index) in squared_distances(sample, pool, nearest):
        nearer = distance < distances[rows]
        distances[rows][nearer], indices[rows][nearer] = distance[nearer], index[nearer]
    return distances, indices
