"""Pairs of images that differ by a known amount."""

import numpy as np

from tests.support.tiny import tiny_images


def pairs(n=4, size=16):
    draws = np.random.default_rng(0)
    images = tiny_images(n, size)
    noise = draws.normal(0, 30, images.shape)
    return images, (images + noise).clip(0, 255).round().astype(np.uint8)
