"""What nearest neighbours in feature space tell: precision, recall, and whether training images come back."""

import numpy as np

from selfrefine.metrics.pairwise_blocks import squared_distances


def radii(features: np.ndarray, neighbours: int) -> np.ndarray:
    """(N,): squared distance of each image to its `neighbours`-th nearest other one; features are (N, D)."""
    # Position 0 of a sorted row is the image itself.
    parts = [
        np.partition(block, neighbours, axis=1)[:, neighbours] for _, block in squared_distances(features, features)
    ]
    return np.concatenate(parts)


def coverage(points: np.ndarray, centres: np.ndarray, squared_radii: np.ndarray) -> float:
    """Share of points that lie in the ball of at least one centre (Kynkäänniemi et al. 2019, eq. 1).

    Precision: points are generated, centres real. Recall: the other way round.

    Args:
        points: (N, D).
        centres: (M, D).
        squared_radii: (M,), `radii` of the centres.
    """
    inside = [(block <= squared_radii).any(axis=1) for _, block in squared_distances(points, centres)]
    return float(np.concatenate(inside).mean())


def nearest_in_train(sample: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Share of generated images whose nearest real neighbour is a training image.

    The pools have equal size, so that a model that memorises nothing gives 50 %; ties count one half.

    Raises:
        ValueError: pools of different sizes.
    """
    if len(train) != len(test):
        raise ValueError(f"pools of equal size needed, got {len(train)} training and {len(test)} test images")
    to_train = np.concatenate([block.min(axis=1) for _, block in squared_distances(sample, train)])
    to_test = np.concatenate([block.min(axis=1) for _, block in squared_distances(sample, test)])
    return float((to_train < to_test).mean() + 0.5 * (to_train == to_test).mean())
