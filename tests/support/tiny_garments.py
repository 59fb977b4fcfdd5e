"""Images of two classes that a classifier learns in a few steps."""

import numpy as np

from selfrefine.training.classifier import Settings

SETTINGS = Settings(30, 16, 0.01, 0.01, checkpoint_every=10, draw=0)


LABELS = (3, 7, 8)


def garments(n, size=8, seed=0):
    """Dark images with a bright left half, upper half or centre: labels 3, 7, 8."""
    draws = np.random.default_rng(seed)
    labels = draws.choice(LABELS, n)
    images = draws.integers(0, 90, (n, size, size, 3), dtype=np.uint8)
    half, quarter = size // 2, size // 4
    for image, label in zip(images, labels, strict=True):
        part = {3: image[:, :half], 7: image[:half], 8: image[quarter:-quarter, quarter:-quarter]}[label]
        part += 120
    return images, labels
