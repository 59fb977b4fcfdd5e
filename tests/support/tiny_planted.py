"""Figures of planted flaws of several sizes, as evaluate_highlighter writes them, of maps that see some kinds."""

import numpy as np

from selfrefine.core.names import KINDS
from selfrefine.evidence import planted_sizes

SHARES = (0.25, 0.5)
SEEN = ("fake_splice", "noise")  # kinds whose flaws the maps show


def lines(dataset="garments", model="ddpm", seeds=(0, 1, 2), images=96, shares=SHARES):
    """Tidy metrics of patches of one and of two cells a side in a map of 4 x 4."""
    found = []
    for seed in seeds:
        draws = np.random.default_rng(seed)
        for share in shares:
            cells, masks = round(4 * share), np.zeros((images, 16, 16))
            for mask in masks:
                top, left = 4 * draws.integers(0, 5 - cells, 2)
                mask[top : top + 4 * cells, left : left + 4 * cells] = 1.0
            seen = masks.reshape(images, 4, 4, 4, 4).mean(axis=(2, 4))
            maps = {kind: draws.random((images, 4, 4)) + 0.6 * seen * (kind in SEEN) for kind in KINDS}
            for metric, estimate in planted_sizes.measure(share, maps, masks, 4).items():
                line = {"dataset": dataset, "model": model, "variant": "flaw", "seed": seed, "metric": metric}
                found.append(line | vars(estimate) | {"n_images": images, "network": "highlighter"})
    return found
